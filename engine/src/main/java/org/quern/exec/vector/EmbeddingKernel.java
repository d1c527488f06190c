package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;
import org.quern.exec.Status;

/** {@code out[n] = table[ids[n]] (+ positions[starts[n / T] + n % T])}, by rows. */
final class EmbeddingKernel implements VectorKernel {
  private static final int STORED_BF16 = 8;

  @Override
  public int run(ProgramRecord record, int part, int parts) {
    long n = record.integer(0);
    long bytes = 4 * record.integer(1);
    long v = record.integer(2);
    long t = record.integer(3);
    long p = record.integer(4);
    long out = record.pointer(0);
    long ids = record.pointer(1);
    long table = record.pointer(2);
    long positions = record.pointer(3);
    long starts = record.pointer(4);
    boolean stored = (record.integer(5) & STORED_BF16) != 0;
    long scratch = record.scratch(part);
    long last = Share.first(n, 1, part + 1, parts);
    for (long row = Share.first(n, 1, part, parts); row < last; row++) {
      int id = Memory.getInt(ids + 4 * row);
      if (id < 0 || id >= v) {
        return Fields.badIndex(scratch, row, id, v);
      }
      if (stored) {
        RoundKernel.widen(out + row * bytes, table + id * (bytes / 2), 0, bytes / 4);
      }
      if (positions == 0) {
        if (!stored) {
          Memory.copy(out + row * bytes, table + id * bytes, bytes);
        }
        continue;
      }
      long position = row % t + (starts == 0 ? 0 : Memory.getInt(starts + 4 * (row / t)));
      if (position < 0 || position >= p) {
        return Fields.badIndex(scratch, row, position, p);
      }
      long to = out + row * bytes;
      AddKernel.add(to, stored ? to : table + id * bytes, positions + position * bytes, bytes);
    }
    return Status.OK;
  }

  /**
   * {@code dtable[ids[n]] += dout[n]}; {@code dpositions[n % T] += dout[n]}: by channels, so that
   * equal ids never meet in two workers.
   */
  static final class Backward implements VectorKernel {
    @Override
    public int run(ProgramRecord record, int part, int parts) {
      long n = record.integer(0);
      long c = record.integer(1);
      long v = record.integer(2);
      long t = record.integer(3);
      long p = record.integer(4);
      long dtable = record.pointer(0);
      long ids = record.pointer(1);
      long dout = record.pointer(2);
      long dpositions = record.pointer(3);
      long scratch = record.scratch(part);
      long from = 4 * Share.first(c, Share.ELEMENTS, part, parts);
      long bytes = 4 * Share.first(c, Share.ELEMENTS, part + 1, parts) - from;
      if (dtable != 0 && !record.adds(0)) {
        clear(dtable + from, v, 4 * c, bytes);
      }
      if (dpositions != 0 && !record.adds(3)) {
        clear(dpositions + from, p, 4 * c, bytes);
      }
      for (long row = 0; row < n; row++) {
        long d = dout + row * 4 * c + from;
        if (dtable != 0) {
          int id = Memory.getInt(ids + 4 * row);
          if (id < 0 || id >= v) {
            return Fields.badIndex(scratch, row, id, v);
          }
          accumulate(dtable + 4 * c * id + from, d, bytes);
        }
        if (dpositions != 0) {
          long position = row % t;
          if (position >= p) {
            return Fields.badIndex(scratch, row, position, p);
          }
          accumulate(dpositions + position * 4 * c + from, d, bytes);
        }
      }
      return Status.OK;
    }

    /** A worker's channels of all rows of a table. */
    private static void clear(long table, long rows, long row, long bytes) {
      for (long i = 0; i < rows; i++) {
        Memory.clear(table + i * row, bytes);
      }
    }

    private static void accumulate(long to, long from, long bytes) {
      long at = 0;
      for (; at <= bytes - BYTES; at += BYTES) {
        FloatVector.fromMemorySegment(FLOATS, ALL, to + at, ORDER)
            .add(FloatVector.fromMemorySegment(FLOATS, ALL, from + at, ORDER))
            .intoMemorySegment(ALL, to + at, ORDER);
      }
      for (; at < bytes; at += 4) {
        Memory.setFloat(to + at, Memory.getFloat(to + at) + Memory.getFloat(from + at));
      }
    }
  }
}
