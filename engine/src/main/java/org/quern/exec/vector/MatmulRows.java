package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;

import jdk.incubator.vector.FloatVector;
import org.quern.exec.Status;

/**
 * Products with few rows, as in decoding: b, the weights, is read once, in order, and nothing is
 * packed; the time is that of reading it. Split by columns.
 */
final class MatmulRows {
  /**
   * Columns that one pass over b accumulates in scratch: small enough for the first-level cache.
   */
  private static final long PASS = 1024;

  private static final long SUM_AT = 4 * PASS;

  private MatmulRows() {}

  static int run(long record, int part, int parts) {
    long m = Fields.integer(record, 0);
    long n = Fields.integer(record, 1);
    long k = Fields.integer(record, 2);
    long aStride = 4 * Fields.integer(record, 3);
    long bStride = 4 * Fields.integer(record, 4);
    long outStride = 4 * Fields.integer(record, 5);
    int flags = (int) Fields.integer(record, 6);
    long out = Fields.pointer(record, 0);
    long a = Fields.pointer(record, 1);
    long b = Fields.pointer(record, 2);
    long bias = Fields.pointer(record, 3);
    long scratch = Fields.scratch(record, part);
    long first = Share.first(n, 2 * Share.ELEMENTS, part, parts);
    long last = Share.first(n, 2 * Share.ELEMENTS, part + 1, parts);
    boolean add = (flags & 4) != 0;
    boolean transposed = (flags & 2) != 0;
    long pass = transposed ? 64 : PASS;
    for (long j = first; j < last; j += pass) {
      if (Fields.cancelled(Fields.step(record))) {
        return Status.CANCELLED;
      }
      long wide = Math.min(pass, last - j);
      for (long i = 0; i < m; i++) {
        if (transposed) {
          dots(scratch, a + i * aStride, b + j * bStride, bStride, k, wide);
        } else {
          sums(scratch, a + i * aStride, b + 4 * j, bStride, k, wide);
        }
        finish(out + i * outStride + 4 * j, scratch, bias == 0 ? 0 : bias + 4 * j, wide, add);
      }
    }
    return Status.OK;
  }

  private static void finish(long out, long sums, long bias, long wide, boolean add) {
    for (long j = 0; j < wide; j++) {
      float value = Memory.getFloat(sums + 4 * j);
      if (bias != 0) {
        value += Memory.getFloat(bias + 4 * j);
      }
      if (add) {
        value += Memory.getFloat(out + 4 * j);
      }
      Memory.setFloat(out + 4 * j, value);
    }
  }

  /** {@code to[j] = a . b[j]}, with rows of b; {@link #SUM_AT} beyond {@code to} is scratch. */
  static void dots(long to, long a, long b, long bStride, long k, long rows) {
    long j = 0;
    for (; j + 4 <= rows; j += 4) {
      dot4(to + 4 * j, a, b + j * bStride, bStride, k, to + SUM_AT);
    }
    for (; j < rows; j++) {
      dot1(to + 4 * j, a, b + j * bStride, k, to + SUM_AT);
    }
  }

  private static void dot4(long to, long a, long b, long bStride, long k, long scratch) {
    long b1 = b + bStride;
    long b2 = b1 + bStride;
    long b3 = b2 + bStride;
    FloatVector sum0 = FloatVector.zero(Lanes.FLOATS);
    FloatVector sum1 = sum0;
    FloatVector sum2 = sum0;
    FloatVector sum3 = sum0;
    long bytes = 4 * k;
    long at = 0;
    for (; at <= bytes - BYTES; at += BYTES) {
      FloatVector x = Memory.load(a + at);
      sum0 = x.fma(Memory.load(b + at), sum0);
      sum1 = x.fma(Memory.load(b1 + at), sum1);
      sum2 = x.fma(Memory.load(b2 + at), sum2);
      sum3 = x.fma(Memory.load(b3 + at), sum3);
    }
    float s0 = Memory.sum(sum0, scratch);
    float s1 = Memory.sum(sum1, scratch);
    float s2 = Memory.sum(sum2, scratch);
    float s3 = Memory.sum(sum3, scratch);
    for (; at < bytes; at += 4) {
      float x = Memory.getFloat(a + at);
      s0 = Math.fma(x, Memory.getFloat(b + at), s0);
      s1 = Math.fma(x, Memory.getFloat(b1 + at), s1);
      s2 = Math.fma(x, Memory.getFloat(b2 + at), s2);
      s3 = Math.fma(x, Memory.getFloat(b3 + at), s3);
    }
    Memory.setFloat(to, s0);
    Memory.setFloat(to + 4, s1);
    Memory.setFloat(to + 8, s2);
    Memory.setFloat(to + 12, s3);
  }

  /** As {@link #dot4}, to the bit, for one row. */
  private static void dot1(long to, long a, long b, long k, long scratch) {
    FloatVector sum0 = FloatVector.zero(Lanes.FLOATS);
    long bytes = 4 * k;
    long at = 0;
    for (; at <= bytes - BYTES; at += BYTES) {
      sum0 = Memory.load(a + at).fma(Memory.load(b + at), sum0);
    }
    float s0 = Memory.sum(sum0, scratch);
    for (; at < bytes; at += 4) {
      s0 = Math.fma(Memory.getFloat(a + at), Memory.getFloat(b + at), s0);
    }
    Memory.setFloat(to, s0);
  }

  private static void sums(long to, long a, long b, long bStride, long k, long columns) {
    Memory.fill(to, 4 * columns, 0);
    add(to, a, b, bStride, k, columns);
  }

  /** {@code to[j] += sum over p of a[p] b[p, j]}, four rows of b at a time. */
  static void add(long to, long a, long b, long bStride, long k, long columns) {
    long p = 0;
    for (; p + 4 <= k; p += 4) {
      add4(to, a + 4 * p, b + p * bStride, bStride, 4 * columns);
    }
    for (; p < k; p++) {
      add1(to, Memory.getFloat(a + 4 * p), b + p * bStride, 4 * columns);
    }
  }

  private static void add4(long to, long a, long b, long bStride, long bytes) {
    float a0 = Memory.getFloat(a);
    float a1 = Memory.getFloat(a + 4);
    float a2 = Memory.getFloat(a + 8);
    float a3 = Memory.getFloat(a + 12);
    long b1 = b + bStride;
    long b2 = b1 + bStride;
    long b3 = b2 + bStride;
    FloatVector v0 = FloatVector.broadcast(Lanes.FLOATS, a0);
    FloatVector v1 = FloatVector.broadcast(Lanes.FLOATS, a1);
    FloatVector v2 = FloatVector.broadcast(Lanes.FLOATS, a2);
    FloatVector v3 = FloatVector.broadcast(Lanes.FLOATS, a3);
    long at = 0;
    for (; at <= bytes - BYTES; at += BYTES) {
      FloatVector sum = v0.fma(Memory.load(b + at), Memory.load(to + at));
      sum = v1.fma(Memory.load(b1 + at), sum);
      sum = v2.fma(Memory.load(b2 + at), sum);
      Memory.store(to + at, v3.fma(Memory.load(b3 + at), sum));
    }
    for (; at < bytes; at += 4) {
      float sum = Math.fma(a0, Memory.getFloat(b + at), Memory.getFloat(to + at));
      sum = Math.fma(a1, Memory.getFloat(b1 + at), sum);
      sum = Math.fma(a2, Memory.getFloat(b2 + at), sum);
      Memory.setFloat(to + at, Math.fma(a3, Memory.getFloat(b3 + at), sum));
    }
  }

  private static void add1(long to, float a, long b, long bytes) {
    FloatVector vector = FloatVector.broadcast(Lanes.FLOATS, a);
    long at = 0;
    for (; at <= bytes - BYTES; at += BYTES) {
      Memory.store(to + at, vector.fma(Memory.load(b + at), Memory.load(to + at)));
    }
    for (; at < bytes; at += 4) {
      Memory.setFloat(to + at, Math.fma(a, Memory.getFloat(b + at), Memory.getFloat(to + at)));
    }
  }
}
