/**
 * Tokenizers: characters, bytes and byte-level BPE in Java, and every other {@code tokenizer.json}
 * through Hugging Face's library.
 */
package org.quern.text;
