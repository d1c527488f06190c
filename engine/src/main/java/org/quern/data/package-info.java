/**
 * Text to learn from: corpora of any size, token files mapped from the disk, and batches whose
 * whole state is one number.
 */
package org.quern.data;
