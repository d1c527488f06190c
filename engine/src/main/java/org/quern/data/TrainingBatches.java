package org.quern.data;

import java.lang.foreign.MemorySegment;

/** Endless windows, drawn at random or shuffled within each epoch. */
final class TrainingBatches implements BatchSource {
  private static final long GOLDEN = 0x9E3779B97F4A7C15L;

  private final Windows windows;
  private final long seed;
  private final boolean shuffled;
  private final long perEpoch;
  private final long starts;
  private final long slack;
  private long cursor;

  TrainingBatches(TokenSpan tokens, int batch, int time, long seed, boolean shuffled) {
    windows = new Windows(tokens, batch, time, time + 1L);
    this.seed = seed;
    this.shuffled = shuffled;
    perEpoch = (tokens.count() - 1) / time;
    starts = tokens.count() - time;
    slack = tokens.count() - 1 - perEpoch * time;
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
    return Math.ceilDiv(perEpoch, (long) batch());
  }

  @Override
  public long cursor() {
    return cursor;
  }

  @Override
  public void seek(long cursor) {
    if (cursor < 0) {
      throw new CorpusException(
          "The cursor " + cursor + " is negative; give one that a batch source has had.");
    }
    this.cursor = cursor;
  }

  @Override
  public boolean next(MemorySegment ids, MemorySegment labels) {
    windows.check(ids, labels);
    for (int row = 0; row < batch(); row++) {
      windows.write(ids, labels, row, start(cursor + row), time());
    }
    cursor += batch();
    return true;
  }

  @Override
  public long labelsInBatch() {
    return (long) batch() * time();
  }

  private long start(long window) {
    if (!shuffled) {
      return Permutation.below(starts, Permutation.mix(Permutation.mix(seed) + window * GOLDEN));
    }
    long epoch = window / perEpoch;
    long key = Permutation.mix(Permutation.mix(seed) + epoch * GOLDEN);
    long phase = Permutation.below(slack + 1, Permutation.mix(key ^ GOLDEN));
    return phase + Permutation.of(window % perEpoch, perEpoch, key) * time();
  }
}
