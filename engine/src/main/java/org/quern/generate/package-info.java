/**
 * From a prompt to text: decoding with cached keys and values, sampling, beam search, stop words
 * and streaming.
 */
package org.quern.generate;
