package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;
import org.quern.exec.Status;

/**
 * Products with few rows, as in decoding: b, the weights, is read once, in order, and nothing is
 * packed; the time is that of reading it. Rows are computed by twos, from parts of b that stay in
 * the first-level cache until all rows have used them. Split by columns.
 */
final class MatmulRows {
  /** Columns whose sums stay in the first-level cache, with one row and with more. */
  private static final long PASS = 1024;

  private static final long PASS_OF_ROWS = 512;

  private static final long PASS_TRANSPOSED = 64;

  /** From one row's sums to the next in scratch; beyond the last is room for vectors. */
  private static final long SUM_AT = 4 * PASS;

  /** As in {@link MatmulTile}: spares the loops their checks. */
  private static final long ADDRESS = (1L << 61) - 1;

  private MatmulRows() {}

  static int run(ProgramRecord record, int part, int parts) {
    long m = record.integer(0);
    long n = record.integer(1);
    long k = record.integer(2);
    long aStride = 4 * record.integer(3);
    long bStride = 4 * record.integer(4);
    long outStride = 4 * record.integer(5);
    int flags = (int) record.integer(6);
    long out = record.pointer(0);
    long a = record.pointer(1);
    long b = record.pointer(2);
    long bias = record.pointer(3);
    long scratch = record.scratch(part);
    long first = Share.first(n, 2 * Share.ELEMENTS, part, parts);
    long last = Share.first(n, 2 * Share.ELEMENTS, part + 1, parts);
    boolean add = (flags & 4) != 0 && record.adds(0);
    boolean transposed = (flags & 2) != 0;
    long pass = transposed ? PASS_TRANSPOSED : m == 1 ? PASS : PASS_OF_ROWS;
    for (long j = first; j < last; j += pass) {
      if (record.cancelled()) {
        return Status.CANCELLED;
      }
      long wide = Math.min(pass, last - j);
      if (transposed) {
        dots(scratch, a, aStride, m, b + j * bStride, bStride, k, wide);
      } else {
        sums(scratch, a, aStride, m, b + 4 * j, bStride, k, wide);
      }
      for (long i = 0; i < m; i++) {
        long from = scratch + i * SUM_AT;
        finish(out + i * outStride + 4 * j, from, bias == 0 ? 0 : bias + 4 * j, wide, add);
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

  /** {@code to[i, j] = a[i] . b[j]}: four rows of b serve all rows of a. */
  private static void dots(
      long to, long a, long aStride, long m, long b, long bStride, long k, long wide) {
    long scratch = to + m * SUM_AT;
    long j = 0;
    for (; j + 4 <= wide; j += 4) {
      long from = b + j * bStride;
      long i = 0;
      for (; i + 2 <= m; i += 2) {
        dot8(to + i * SUM_AT + 4 * j, a + i * aStride, aStride, from, bStride, k, scratch);
      }
      if (i < m) {
        dot4(to + i * SUM_AT + 4 * j, a + i * aStride, from, bStride, k, scratch);
      }
    }
    for (; j < wide; j++) {
      for (long i = 0; i < m; i++) {
        dot1(to + i * SUM_AT + 4 * j, a + i * aStride, b + j * bStride, k, scratch);
      }
    }
  }

  /** As {@link #dot4}, to the bit, for two rows. */
  private static void dot8(
      long to, long a, long aStride, long b, long bStride, long k, long scratch) {
    long bytes = 4 * k;
    int vectors = (int) (k / Lanes.COUNT);
    long a0 = a & ADDRESS;
    long a1 = (a + aStride) & ADDRESS;
    long b0 = b & ADDRESS;
    long b1 = (b0 + bStride) & ADDRESS;
    long b2 = (b1 + bStride) & ADDRESS;
    long b3 = (b2 + bStride) & ADDRESS;
    FloatVector sum00 = FloatVector.zero(Lanes.FLOATS);
    FloatVector sum01 = sum00;
    FloatVector sum02 = sum00;
    FloatVector sum03 = sum00;
    FloatVector sum10 = sum00;
    FloatVector sum11 = sum00;
    FloatVector sum12 = sum00;
    FloatVector sum13 = sum00;
    for (int i = 0; i < vectors; i++) {
      long at = i * BYTES;
      FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, ALL, a0 + at, ORDER);
      FloatVector x1 = FloatVector.fromMemorySegment(FLOATS, ALL, a1 + at, ORDER);
      FloatVector y0 = FloatVector.fromMemorySegment(FLOATS, ALL, b0 + at, ORDER);
      sum00 = x0.fma(y0, sum00);
      sum10 = x1.fma(y0, sum10);
      FloatVector y1 = FloatVector.fromMemorySegment(FLOATS, ALL, b1 + at, ORDER);
      sum01 = x0.fma(y1, sum01);
      sum11 = x1.fma(y1, sum11);
      FloatVector y2 = FloatVector.fromMemorySegment(FLOATS, ALL, b2 + at, ORDER);
      sum02 = x0.fma(y2, sum02);
      sum12 = x1.fma(y2, sum12);
      FloatVector y3 = FloatVector.fromMemorySegment(FLOATS, ALL, b3 + at, ORDER);
      sum03 = x0.fma(y3, sum03);
      sum13 = x1.fma(y3, sum13);
    }
    sum00.intoMemorySegment(ALL, scratch, ORDER);
    sum01.intoMemorySegment(ALL, scratch + BYTES, ORDER);
    sum02.intoMemorySegment(ALL, scratch + 2 * BYTES, ORDER);
    sum03.intoMemorySegment(ALL, scratch + 3 * BYTES, ORDER);
    sum10.intoMemorySegment(ALL, scratch + 4 * BYTES, ORDER);
    sum11.intoMemorySegment(ALL, scratch + 5 * BYTES, ORDER);
    sum12.intoMemorySegment(ALL, scratch + 6 * BYTES, ORDER);
    sum13.intoMemorySegment(ALL, scratch + 7 * BYTES, ORDER);
    long at = vectors * BYTES;
    end(to, scratch, a0, b0, at, bytes);
    end(to + 4, scratch + BYTES, a0, b1, at, bytes);
    end(to + 8, scratch + 2 * BYTES, a0, b2, at, bytes);
    end(to + 12, scratch + 3 * BYTES, a0, b3, at, bytes);
    end(to + SUM_AT, scratch + 4 * BYTES, a1, b0, at, bytes);
    end(to + SUM_AT + 4, scratch + 5 * BYTES, a1, b1, at, bytes);
    end(to + SUM_AT + 8, scratch + 6 * BYTES, a1, b2, at, bytes);
    end(to + SUM_AT + 12, scratch + 7 * BYTES, a1, b3, at, bytes);
  }

  /** The sum of stored lanes, and of the products that did not fill a vector. */
  private static void end(long to, long lanes, long a, long b, long at, long bytes) {
    float sum = Memory.sum(lanes);
    for (; at < bytes; at += 4) {
      sum = Math.fma(Memory.getFloat(a + at), Memory.getFloat(b + at), sum);
    }
    Memory.setFloat(to, sum);
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
    long bytes = 4 * k;
    int vectors = (int) (k / Lanes.COUNT);
    a &= ADDRESS;
    long b0 = b & ADDRESS;
    long b1 = (b0 + bStride) & ADDRESS;
    long b2 = (b1 + bStride) & ADDRESS;
    long b3 = (b2 + bStride) & ADDRESS;
    FloatVector sum0 = FloatVector.zero(Lanes.FLOATS);
    FloatVector sum1 = sum0;
    FloatVector sum2 = sum0;
    FloatVector sum3 = sum0;
    for (int i = 0; i < vectors; i++) {
      long at = i * BYTES;
      FloatVector x = FloatVector.fromMemorySegment(FLOATS, ALL, a + at, ORDER);
      sum0 = x.fma(FloatVector.fromMemorySegment(FLOATS, ALL, b0 + at, ORDER), sum0);
      sum1 = x.fma(FloatVector.fromMemorySegment(FLOATS, ALL, b1 + at, ORDER), sum1);
      sum2 = x.fma(FloatVector.fromMemorySegment(FLOATS, ALL, b2 + at, ORDER), sum2);
      sum3 = x.fma(FloatVector.fromMemorySegment(FLOATS, ALL, b3 + at, ORDER), sum3);
    }
    sum0.intoMemorySegment(ALL, scratch, ORDER);
    float s0 = Memory.sum(scratch);
    sum1.intoMemorySegment(ALL, scratch, ORDER);
    float s1 = Memory.sum(scratch);
    sum2.intoMemorySegment(ALL, scratch, ORDER);
    float s2 = Memory.sum(scratch);
    sum3.intoMemorySegment(ALL, scratch, ORDER);
    float s3 = Memory.sum(scratch);
    for (long at = vectors * BYTES; at < bytes; at += 4) {
      float x = Memory.getFloat(a + at);
      s0 = Math.fma(x, Memory.getFloat(b0 + at), s0);
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
      sum0 =
          FloatVector.fromMemorySegment(FLOATS, ALL, a + at, ORDER)
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, b + at, ORDER), sum0);
    }
    sum0.intoMemorySegment(ALL, scratch, ORDER);
    float s0 = Memory.sum(scratch);
    for (; at < bytes; at += 4) {
      s0 = Math.fma(Memory.getFloat(a + at), Memory.getFloat(b + at), s0);
    }
    Memory.setFloat(to, s0);
  }

  /** {@code to[i, j] = sum over p of a[i, p] b[p, j]}: four rows of b serve all rows of a. */
  private static void sums(
      long to, long a, long aStride, long m, long b, long bStride, long k, long columns) {
    for (long i = 0; i < m; i++) {
      Memory.fill(to + i * SUM_AT, 4 * columns, 0);
    }
    long whole = k / 4 * 4;
    for (long p = 0; p < whole; p += 4) {
      long from = b + p * bStride;
      long i = 0;
      for (; i + 2 <= m; i += 2) {
        add8(to + i * SUM_AT, a + i * aStride + 4 * p, aStride, from, bStride, 4 * columns);
      }
      if (i < m) {
        add4(to + i * SUM_AT, a + i * aStride + 4 * p, from, bStride, 4 * columns);
      }
    }
    for (long i = 0; i < m; i++) {
      for (long p = whole; p < k; p++) {
        float factor = Memory.getFloat(a + i * aStride + 4 * p);
        add1(to + i * SUM_AT, factor, b + p * bStride, 4 * columns);
      }
    }
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
    int vectors = (int) (bytes / BYTES);
    to &= ADDRESS;
    long b0 = b & ADDRESS;
    long b1 = (b0 + bStride) & ADDRESS;
    long b2 = (b1 + bStride) & ADDRESS;
    long b3 = (b2 + bStride) & ADDRESS;
    FloatVector v0 = FloatVector.broadcast(Lanes.FLOATS, a0);
    FloatVector v1 = FloatVector.broadcast(Lanes.FLOATS, a1);
    FloatVector v2 = FloatVector.broadcast(Lanes.FLOATS, a2);
    FloatVector v3 = FloatVector.broadcast(Lanes.FLOATS, a3);
    for (int i = 0; i < vectors; i++) {
      long at = i * BYTES;
      FloatVector sum =
          v0.fma(
              FloatVector.fromMemorySegment(FLOATS, ALL, b0 + at, ORDER),
              FloatVector.fromMemorySegment(FLOATS, ALL, to + at, ORDER));
      sum = v1.fma(FloatVector.fromMemorySegment(FLOATS, ALL, b1 + at, ORDER), sum);
      sum = v2.fma(FloatVector.fromMemorySegment(FLOATS, ALL, b2 + at, ORDER), sum);
      v3.fma(FloatVector.fromMemorySegment(FLOATS, ALL, b3 + at, ORDER), sum)
          .intoMemorySegment(ALL, to + at, ORDER);
    }
    for (long at = vectors * BYTES; at < bytes; at += 4) {
      float sum = Math.fma(a0, Memory.getFloat(b0 + at), Memory.getFloat(to + at));
      sum = Math.fma(a1, Memory.getFloat(b1 + at), sum);
      sum = Math.fma(a2, Memory.getFloat(b2 + at), sum);
      Memory.setFloat(to + at, Math.fma(a3, Memory.getFloat(b3 + at), sum));
    }
  }

  /** As {@link #add4}, to the bit, for two rows. */
  private static void add8(long to, long a, long aStride, long b, long bStride, long bytes) {
    int vectors = (int) (bytes / BYTES);
    long to0 = to & ADDRESS;
    long to1 = (to0 + SUM_AT) & ADDRESS;
    long b0 = b & ADDRESS;
    long b1 = (b0 + bStride) & ADDRESS;
    long b2 = (b1 + bStride) & ADDRESS;
    long b3 = (b2 + bStride) & ADDRESS;
    FloatVector a00 = FloatVector.broadcast(FLOATS, Memory.getFloat(a));
    FloatVector a01 = FloatVector.broadcast(FLOATS, Memory.getFloat(a + 4));
    FloatVector a02 = FloatVector.broadcast(FLOATS, Memory.getFloat(a + 8));
    FloatVector a03 = FloatVector.broadcast(FLOATS, Memory.getFloat(a + 12));
    FloatVector a10 = FloatVector.broadcast(FLOATS, Memory.getFloat(a + aStride));
    FloatVector a11 = FloatVector.broadcast(FLOATS, Memory.getFloat(a + aStride + 4));
    FloatVector a12 = FloatVector.broadcast(FLOATS, Memory.getFloat(a + aStride + 8));
    FloatVector a13 = FloatVector.broadcast(FLOATS, Memory.getFloat(a + aStride + 12));
    for (int i = 0; i < vectors; i++) {
      long at = i * BYTES;
      FloatVector y0 = FloatVector.fromMemorySegment(FLOATS, ALL, b0 + at, ORDER);
      FloatVector y1 = FloatVector.fromMemorySegment(FLOATS, ALL, b1 + at, ORDER);
      FloatVector y2 = FloatVector.fromMemorySegment(FLOATS, ALL, b2 + at, ORDER);
      FloatVector y3 = FloatVector.fromMemorySegment(FLOATS, ALL, b3 + at, ORDER);
      FloatVector sum0 = a00.fma(y0, FloatVector.fromMemorySegment(FLOATS, ALL, to0 + at, ORDER));
      FloatVector sum1 = a10.fma(y0, FloatVector.fromMemorySegment(FLOATS, ALL, to1 + at, ORDER));
      sum0 = a02.fma(y2, a01.fma(y1, sum0));
      sum1 = a12.fma(y2, a11.fma(y1, sum1));
      a03.fma(y3, sum0).intoMemorySegment(ALL, to0 + at, ORDER);
      a13.fma(y3, sum1).intoMemorySegment(ALL, to1 + at, ORDER);
    }
    if (vectors * BYTES < bytes) {
      long done = vectors * BYTES;
      add4(to + done, a, b + done, bStride, bytes - done);
      add4(to + SUM_AT + done, a + aStride, b + done, bStride, bytes - done);
    }
  }

  private static void add1(long to, float a, long b, long bytes) {
    FloatVector vector = FloatVector.broadcast(Lanes.FLOATS, a);
    long at = 0;
    for (; at <= bytes - BYTES; at += BYTES) {
      vector
          .fma(
              FloatVector.fromMemorySegment(FLOATS, ALL, b + at, ORDER),
              FloatVector.fromMemorySegment(FLOATS, ALL, to + at, ORDER))
          .intoMemorySegment(ALL, to + at, ORDER);
    }
    for (; at < bytes; at += 4) {
      Memory.setFloat(to + at, Math.fma(a, Memory.getFloat(b + at), Memory.getFloat(to + at)));
    }
  }
}
