/** JSON as a tree: configurations and tokenizers. */
package org.quern.json;
