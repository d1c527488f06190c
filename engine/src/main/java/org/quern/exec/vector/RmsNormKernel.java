package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;
import org.quern.exec.Status;

/** {@code out = x * rstd * gamma}, rstd = 1 / sqrt(mean(x^2) + epsilon) (Zhang, Sennrich 2019). */
final class RmsNormKernel implements VectorKernel {
  @Override
  public int run(long record, int part, int parts) {
    long n = Fields.integer(record, 0);
    long c = Fields.integer(record, 1);
    float epsilon = Fields.floating(record, 0);
    long out = Fields.pointer(record, 0);
    long rstds = Fields.pointer(record, 1);
    long x = Fields.pointer(record, 2);
    long gamma = Fields.pointer(record, 3);
    long scratch = Fields.scratch(record, part);
    long bytes = 4 * c;
    long last = Share.first(n, 1, part + 1, parts);
    for (long row = Share.first(n, 1, part, parts); row < last; row++) {
      long from = x + row * bytes;
      double mean = (double) squares(from, bytes, scratch) / c;
      float rstd = (float) (1 / Math.sqrt(mean + epsilon));
      Memory.setFloat(rstds + 4 * row, rstd);
      scale(out + row * bytes, from, gamma, bytes, rstd);
    }
    return Status.OK;
  }

  private static float squares(long x, long bytes, long scratch) {
    FloatVector sum0 = FloatVector.zero(FLOATS);
    FloatVector sum1 = sum0;
    long at = 0;
    for (; at <= bytes - 2 * BYTES; at += 2 * BYTES) {
      FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER);
      FloatVector x1 = FloatVector.fromMemorySegment(FLOATS, ALL, x + at + BYTES, ORDER);
      sum0 = x0.fma(x0, sum0);
      sum1 = x1.fma(x1, sum1);
    }
    sum0.add(sum1).intoMemorySegment(ALL, scratch, ORDER);
    float sum = Memory.sum(scratch);
    for (; at < bytes; at += 4) {
      float value = Memory.getFloat(x + at);
      sum = Math.fma(value, value, sum);
    }
    return sum;
  }

  private static void scale(long out, long x, long gamma, long bytes, float rstd) {
    long at = 0;
    for (; at <= bytes - BYTES; at += BYTES) {
      FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER)
          .mul(rstd)
          .mul(FloatVector.fromMemorySegment(FLOATS, ALL, gamma + at, ORDER))
          .intoMemorySegment(ALL, out + at, ORDER);
    }
    for (; at < bytes; at += 4) {
      Memory.setFloat(out + at, Memory.getFloat(x + at) * rstd * Memory.getFloat(gamma + at));
    }
  }

  /**
   * With norm = x * rstd and d = dout * gamma: {@code dx = (d - norm * mean(d * norm)) * rstd};
   * {@code dgamma += sum over rows of dout * norm}.
   */
  static final class Backward implements VectorKernel {
    @Override
    public int run(long record, int part, int parts) {
      long n = Fields.integer(record, 0);
      long c = Fields.integer(record, 1);
      long dx = Fields.pointer(record, 0);
      long dgamma = Fields.pointer(record, 1);
      long dout = Fields.pointer(record, 2);
      long x = Fields.pointer(record, 3);
      long rstds = Fields.pointer(record, 4);
      long gamma = Fields.pointer(record, 5);
      long scratch = Fields.scratch(record, part);
      long bytes = 4 * c;
      long last = Share.first(n, 1, part + 1, parts);
      for (long row = Share.first(n, 1, part, parts); row < last; row++) {
        long at = row * bytes;
        float rstd = Memory.getFloat(rstds + 4 * row);
        float mean = products(dout + at, x + at, gamma, bytes, scratch) * rstd / c;
        input(dx + at, dout + at, x + at, gamma, bytes, rstd, mean);
      }
      long end = 4 * Share.first(c, Share.ELEMENTS, part + 1, parts);
      long at = 4 * Share.first(c, Share.ELEMENTS, part, parts);
      if (!Fields.adds(record, 1)) {
        Memory.clear(dgamma + at, end - at);
      }
      for (; at <= end - 2 * BYTES; at += 2 * BYTES) {
        columns(dgamma + at, dout + at, x + at, rstds, n, bytes);
      }
      for (; at < end; at += 4) {
        column(dgamma + at, dout + at, x + at, rstds, n, bytes);
      }
      return Status.OK;
    }

    /** The sum of d * x. */
    private static float products(long dout, long x, long gamma, long bytes, long scratch) {
      FloatVector sum = FloatVector.zero(FLOATS);
      long at = 0;
      for (; at <= bytes - BYTES; at += BYTES) {
        FloatVector d =
            FloatVector.fromMemorySegment(FLOATS, ALL, dout + at, ORDER)
                .mul(FloatVector.fromMemorySegment(FLOATS, ALL, gamma + at, ORDER));
        sum = d.fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER), sum);
      }
      sum.intoMemorySegment(ALL, scratch, ORDER);
      float s = Memory.sum(scratch);
      for (; at < bytes; at += 4) {
        float d = Memory.getFloat(dout + at) * Memory.getFloat(gamma + at);
        s = Math.fma(d, Memory.getFloat(x + at), s);
      }
      return s;
    }

    private static void input(
        long dx, long dout, long x, long gamma, long bytes, float rstd, float mean) {
      FloatVector minus = FloatVector.broadcast(FLOATS, -mean);
      long at = 0;
      for (; at <= bytes - BYTES; at += BYTES) {
        FloatVector d =
            FloatVector.fromMemorySegment(FLOATS, ALL, dout + at, ORDER)
                .mul(FloatVector.fromMemorySegment(FLOATS, ALL, gamma + at, ORDER));
        FloatVector norm = FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER).mul(rstd);
        norm.fma(minus, d).mul(rstd).intoMemorySegment(ALL, dx + at, ORDER);
      }
      for (; at < bytes; at += 4) {
        float d = Memory.getFloat(dout + at) * Memory.getFloat(gamma + at);
        float norm = Memory.getFloat(x + at) * rstd;
        Memory.setFloat(dx + at, Math.fma(norm, -mean, d) * rstd);
      }
    }

    /** Two vectors of columns. */
    private static void columns(long dgamma, long dout, long x, long rstds, long n, long bytes) {
      FloatVector gamma0 = FloatVector.zero(FLOATS);
      FloatVector gamma1 = gamma0;
      for (long row = 0; row < n; row++) {
        float rstd = Memory.getFloat(rstds + 4 * row);
        gamma0 =
            FloatVector.fromMemorySegment(FLOATS, ALL, dout, ORDER)
                .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x, ORDER).mul(rstd), gamma0);
        gamma1 =
            FloatVector.fromMemorySegment(FLOATS, ALL, dout + BYTES, ORDER)
                .fma(
                    FloatVector.fromMemorySegment(FLOATS, ALL, x + BYTES, ORDER).mul(rstd), gamma1);
        dout += bytes;
        x += bytes;
      }
      FloatVector.fromMemorySegment(FLOATS, ALL, dgamma, ORDER)
          .add(gamma0)
          .intoMemorySegment(ALL, dgamma, ORDER);
      FloatVector.fromMemorySegment(FLOATS, ALL, dgamma + BYTES, ORDER)
          .add(gamma1)
          .intoMemorySegment(ALL, dgamma + BYTES, ORDER);
    }

    private static void column(long dgamma, long dout, long x, long rstds, long n, long bytes) {
      float gamma = 0;
      for (long row = 0; row < n; row++) {
        float norm = Memory.getFloat(x + row * bytes) * Memory.getFloat(rstds + 4 * row);
        gamma = Math.fma(Memory.getFloat(dout + row * bytes), norm, gamma);
      }
      Memory.setFloat(dgamma, Memory.getFloat(dgamma) + gamma);
    }
  }
}
