package org.quern.data;

import java.lang.foreign.MemorySegment;

/**
 * Gives out batches of windows of text, one after the other, into segments the caller owns. The
 * whole state is one number, {@link #cursor}: saved with a checkpoint and given to {@link #seek},
 * it continues with exactly the batches that would have come. Not for several threads.
 */
public interface BatchSource {
  /** The label that the loss leaves out. */
  int IGNORED = -100;

  /** Rows of a batch, B. */
  int batch();

  /** Tokens of a row, T. */
  int time();

  /** How many batches show the whole text about once (rounded up). */
  long batchesPerEpoch();

  /** How far the source has come, in its own unit. */
  long cursor();

  /** Goes to where {@link #cursor} was. */
  void seek(long cursor);

  /**
   * Writes the next batch without allocating.
   *
   * @param ids I32 {@code [batch, time]}, 0 where there is no token
   * @param labels I32 {@code [batch, time]}: the token after each, {@value #IGNORED} where there is
   *     none
   * @return {@code false}, nothing written, after the last batch of a source that ends
   * @throws CorpusException if a segment is too small or the tokens cannot be read
   */
  boolean next(MemorySegment ids, MemorySegment labels);

  /** How many labels of the last batch count. */
  long labelsInBatch();

  /**
   * Windows at random, with replacement: each is drawn from (seed, how many were drawn before).
   * Endless. The cursor counts windows.
   *
   * @throws CorpusException if there are fewer than {@code time + 1} tokens
   */
  static BatchSource random(TokenSpan tokens, int batch, int time, long seed) {
    return new TrainingBatches(tokens, batch, time, seed, false);
  }

  /**
   * Windows side by side, each once an epoch, in an order of its own in each epoch. Endless. The
   * cursor counts windows. What is left over at the end, less than a window, is shared between the
   * ends by chance.
   *
   * @throws CorpusException if there are fewer than {@code time + 1} tokens
   */
  static BatchSource shuffled(TokenSpan tokens, int batch, int time, long seed) {
    return new TrainingBatches(tokens, batch, time, seed, true);
  }

  /**
   * Windows side by side from the first token to the last, once: every token but the first is a
   * label exactly once. The last window and the last batch are filled up with ignored labels. The
   * cursor counts windows.
   *
   * @throws CorpusException if there are fewer than 2 tokens
   */
  static BatchSource sequential(TokenSpan tokens, int batch, int time) {
    return new SequentialBatches(tokens, batch, time);
  }
}
