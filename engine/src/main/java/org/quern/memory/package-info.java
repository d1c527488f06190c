/** Memory outside the Java heap: slabs with one owner each, out of one budget. */
package org.quern.memory;
