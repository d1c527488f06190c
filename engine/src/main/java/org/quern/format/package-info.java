/**
 * Files that others wrote and read: safetensors, {@code config.json}. What comes from a file is
 * checked in Java before it is believed, and refused with a {@link
 * org.quern.format.FormatException} of one sentence.
 */
package org.quern.format;
