/** JSON as a tree, for files of every kind. */
package org.quern.json;
