package org.quern.data;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Writes windows of tokens into batches. */
final class Windows {
  private final TokenSpan tokens;
  private final int batch;
  private final int time;

  Windows(TokenSpan tokens, int batch, int time, long leastTokens) {
    if (batch < 1 || time < 1 || (long) batch * time > Integer.MAX_VALUE) {
      throw new CorpusException(
          "A batch of "
              + batch
              + " rows of "
              + time
              + " tokens cannot be made; both must be at least 1.");
    }
    if (tokens.count() < leastTokens) {
      throw new CorpusException(
          "The text has "
              + tokens.count()
              + " tokens where at least "
              + leastTokens
              + " are needed; give more text, a shorter context, or another share of held-out"
              + " text.");
    }
    this.tokens = tokens;
    this.batch = batch;
    this.time = time;
  }

  int batch() {
    return batch;
  }

  int time() {
    return time;
  }

  void check(MemorySegment ids, MemorySegment labels) {
    long needed = (long) batch * time * Integer.BYTES;
    if (ids.byteSize() < needed || labels.byteSize() < needed) {
      throw new CorpusException(
          "A batch of "
              + batch
              + " rows of "
              + time
              + " tokens needs "
              + needed
              + " bytes for ids and as many for labels, not "
              + ids.byteSize()
              + " and "
              + labels.byteSize()
              + "; give larger segments.");
    }
  }

  /** Writes row {@code row}: {@code length ≤ time} tokens from {@code start}, then padding. */
  void write(MemorySegment ids, MemorySegment labels, int row, long start, int length) {
    long offset = (long) row * time * Integer.BYTES;
    if (length > 0) {
      tokens.copy(start, length, ids, offset);
      tokens.copy(start + 1, length, labels, offset);
    }
    for (int t = length; t < time; t++) {
      long at = offset + (long) t * Integer.BYTES;
      ids.set(ValueLayout.JAVA_INT_UNALIGNED, at, 0);
      labels.set(ValueLayout.JAVA_INT_UNALIGNED, at, BatchSource.IGNORED);
    }
  }
}
