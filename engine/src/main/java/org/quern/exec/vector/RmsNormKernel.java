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
  public int run(ProgramRecord record, int part, int parts) {
    long n = record.integer(0);
    long c = record.integer(1);
    float epsilon = record.floating(0);
    long out = record.pointer(0);
    long rstds = record.pointer(1);
    long x = record.pointer(2);
    long gamma = record.pointer(3);
    long scratch = record.scratch(part);
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
    public int run(ProgramRecord record, int part, int parts) {
      long n = record.integer(0);
      long c = record.integer(1);
      long dx = record.pointer(0);
      long dgamma = record.pointer(1);
      long dout = record.pointer(2);
      long x = record.pointer(3);
      long rstds = record.pointer(4);
      long gamma = record.pointer(5);
      long scratch = record.scratch(part);
      long bytes = 4 * c;
      long last = Share.first(n, 1, part + 1, parts);
      for (long row = Share.first(n, 1, part, parts); row < last; row++) {
        long at = row * bytes;
        float rstd = Memory.getFloat(rstds + 4 * row);
        input(dx + at, dout + at, x + at, gamma, bytes, rstd, scratch);
      }
      long end = 4 * Share.first(c, Share.ELEMENTS, part + 1, parts);
      long at = 4 * Share.first(c, Share.ELEMENTS, part, parts);
      if (!record.adds(1)) {
        Memory.clear(dgamma + at, end - at);
      }
      // Row by row, which reads memory in order; the sums stay in the first-level cache.
      for (long row = 0; row < n; row++) {
        long from = row * bytes + at;
        float rstd = Memory.getFloat(rstds + 4 * row);
        addProducts(dgamma + at, dout + from, x + from, end - at, rstd);
      }
      return Status.OK;
    }

    /** One row of dx: the sum of d * x first. */
    private static void input(
        long dx, long dout, long x, long gamma, long bytes, float rstd, long scratch) {
      FloatVector sum = FloatVector.zero(FLOATS);
      long at = 0;
      for (; at <= bytes - BYTES; at += BYTES) {
        FloatVector d =
            FloatVector.fromMemorySegment(FLOATS, ALL, dout + at, ORDER)
                .mul(FloatVector.fromMemorySegment(FLOATS, ALL, gamma + at, ORDER));
        sum = d.fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER), sum);
      }
      sum.intoMemorySegment(ALL, scratch, ORDER);
      float products = Memory.sum(scratch);
      for (; at < bytes; at += 4) {
        float d = Memory.getFloat(dout + at) * Memory.getFloat(gamma + at);
        products = Math.fma(d, Memory.getFloat(x + at), products);
      }
      long c = bytes / 4;
      float mean = products * rstd / c;
      FloatVector minus = FloatVector.broadcast(FLOATS, -mean);
      for (at = 0; at <= bytes - BYTES; at += BYTES) {
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

    /** {@code dgamma += dout * norm}. */
    private static void addProducts(long dgamma, long dout, long x, long bytes, float rstd) {
      long at = 0;
      for (; at <= bytes - BYTES; at += BYTES) {
        FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER)
            .mul(rstd)
            .fma(
                FloatVector.fromMemorySegment(FLOATS, ALL, dout + at, ORDER),
                FloatVector.fromMemorySegment(FLOATS, ALL, dgamma + at, ORDER))
            .intoMemorySegment(ALL, dgamma + at, ORDER);
      }
      for (; at < bytes; at += 4) {
        float norm = Memory.getFloat(x + at) * rstd;
        Memory.setFloat(
            dgamma + at, Math.fma(norm, Memory.getFloat(dout + at), Memory.getFloat(dgamma + at)));
      }
    }
  }
}
