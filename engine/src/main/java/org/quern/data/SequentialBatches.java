package org.quern.data;

import java.lang.foreign.MemorySegment;

/** Windows side by side, once. */
final class SequentialBatches implements BatchSource {
  private final Windows windows;
  private final long labels;
  private final long count;
  private long cursor;
  private long labelsInBatch;

  SequentialBatches(TokenSpan tokens, int batch, int time) {
    windows = new Windows(tokens, batch, time, 2);
    labels = tokens.count() - 1;
    count = Math.ceilDiv(labels, (long) time);
  }

  @Override
  public int batch() {
    return windows.batch();
  }

  @Override
  public int time() {
    return windows.time();
  }

  @Override
  public long batchesPerEpoch() {
    return Math.ceilDiv(count, (long) batch());
  }

  @Override
  public long cursor() {
    return cursor;
  }

  @Override
  public void seek(long cursor) {
    if (cursor < 0 || cursor > count) {
      throw new CorpusException(
          "The cursor "
              + cursor
              + " is outside 0 … "
              + count
              + "; give one that a batch source over this text has had.");
    }
    this.cursor = cursor;
  }

  @Override
  public boolean next(MemorySegment ids, MemorySegment labels) {
    windows.check(ids, labels);
    if (cursor == count) {
      return false;
    }
    labelsInBatch = 0;
    for (int row = 0; row < batch(); row++) {
      long start = Math.min(cursor * time(), this.labels);
      int length = (int) Math.min(time(), this.labels - start);
      windows.write(ids, labels, row, start, length);
      labelsInBatch += length;
      cursor += cursor < count ? 1 : 0;
    }
    return true;
  }

  @Override
  public long labelsInBatch() {
    return labelsInBatch;
  }
}
