package org.quern.text;

/**
 * Turns token ids into text one at a time.
 *
 * <p>All that {@link #push} and {@link #finish} return, joined, is {@link Tokenizer#decode(int[])}
 * of all ids. A character is never split: what its first tokens have begun is held back until its
 * last has come. A decoder belongs to one text and one thread.
 */
public interface StreamingDecoder {

  /**
   * Takes the next id and returns the text that is certain now, often empty.
   *
   * @throws TokenizerException for an id outside the vocabulary
   */
  String push(int id);

  /** Ends the text, returns what was held back, and leaves the decoder ready for another text. */
  String finish();
}
