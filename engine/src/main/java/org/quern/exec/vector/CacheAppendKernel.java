package org.quern.exec.vector;

import org.quern.exec.Status;

/** {@code cache[b, g, starts[b] + t] = x[b, t, g]}, by rows. */
final class CacheAppendKernel implements VectorKernel {
  @Override
  public int run(ProgramRecord record, int part, int parts) {
    long b = record.integer(0);
    long t = record.integer(1);
    long g = record.integer(2);
    long s = record.integer(3);
    long d = record.integer(4);
    long xStride = 4 * record.integer(5);
    boolean stored = (record.integer(6) & AttentionKernel.KEYS_BF16) != 0;
    long cache = record.pointer(0);
    long x = record.pointer(1);
    long starts = record.pointer(2);
    long last = Share.first(b * t, 1, part + 1, parts);
    for (long row = Share.first(b * t, 1, part, parts); row < last; row++) {
      long sequence = row / t;
      long position = row % t + (starts == 0 ? 0 : Memory.getInt(starts + 4 * sequence));
      if (position < 0 || position >= s) {
        return Fields.badIndex(record.scratch(part), row, position, s);
      }
      for (long head = 0; head < g; head++) {
        long at = ((sequence * g + head) * s + position) * d;
        long from = x + row * xStride + 4 * head * d;
        if (stored) {
          RoundKernel.round(cache + 2 * at, from, 0, d);
        } else {
          Memory.copy(cache + 4 * at, from, 4 * d);
        }
      }
    }
    return Status.OK;
  }
}
