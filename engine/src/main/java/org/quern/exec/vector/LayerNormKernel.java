package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;
import org.quern.exec.Status;

/** {@code out = (x - mean) * rstd * gamma + beta} (Ba, Kiros and Hinton 2016), by rows. */
final class LayerNormKernel implements VectorKernel {
  @Override
  public int run(long record, int part, int parts) {
    long n = Fields.integer(record, 0);
    long c = Fields.integer(record, 1);
    float epsilon = Fields.floating(record, 0);
    long out = Fields.pointer(record, 0);
    long means = Fields.pointer(record, 1);
    long rstds = Fields.pointer(record, 2);
    long x = Fields.pointer(record, 3);
    long gamma = Fields.pointer(record, 4);
    long beta = Fields.pointer(record, 5);
    long scratch = Fields.scratch(record, part);
    long bytes = 4 * c;
    long last = Share.first(n, 1, part + 1, parts);
    for (long row = Share.first(n, 1, part, parts); row < last; row++) {
      long from = x + row * bytes;
      float mean = sum(from, bytes, scratch) / c;
      float variance = squares(from, bytes, mean, scratch) / c;
      float rstd = (float) (1 / Math.sqrt((double) variance + epsilon));
      Memory.setFloat(means + 4 * row, mean);
      Memory.setFloat(rstds + 4 * row, rstd);
      if (beta == 0) {
        scale(out + row * bytes, from, gamma, bytes, mean, rstd);
      } else {
        scale(out + row * bytes, from, gamma, beta, bytes, mean, rstd);
      }
    }
    return Status.OK;
  }

  private static float sum(long x, long bytes, long scratch) {
    FloatVector sum0 = FloatVector.zero(FLOATS);
    FloatVector sum1 = sum0;
    long at = 0;
    for (; at <= bytes - 2 * BYTES; at += 2 * BYTES) {
      sum0 = sum0.add(FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER));
      sum1 = sum1.add(FloatVector.fromMemorySegment(FLOATS, ALL, x + at + BYTES, ORDER));
    }
    sum0.add(sum1).intoMemorySegment(ALL, scratch, ORDER);
    float sum = Memory.sum(scratch);
    for (; at < bytes; at += 4) {
      sum += Memory.getFloat(x + at);
    }
    return sum;
  }

  private static float squares(long x, long bytes, float mean, long scratch) {
    FloatVector sum0 = FloatVector.zero(FLOATS);
    FloatVector sum1 = sum0;
    long at = 0;
    for (; at <= bytes - 2 * BYTES; at += 2 * BYTES) {
      FloatVector d0 = FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER).sub(mean);
      FloatVector d1 = FloatVector.fromMemorySegment(FLOATS, ALL, x + at + BYTES, ORDER).sub(mean);
      sum0 = d0.fma(d0, sum0);
      sum1 = d1.fma(d1, sum1);
    }
    sum0.add(sum1).intoMemorySegment(ALL, scratch, ORDER);
    float sum = Memory.sum(scratch);
    for (; at < bytes; at += 4) {
      float d = Memory.getFloat(x + at) - mean;
      sum = Math.fma(d, d, sum);
    }
    return sum;
  }

  private static void scale(
      long out, long x, long gamma, long beta, long bytes, float mean, float rstd) {
    long at = 0;
    for (; at <= bytes - BYTES; at += BYTES) {
      FloatVector norm =
          FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER).sub(mean).mul(rstd);
      norm.fma(
              FloatVector.fromMemorySegment(FLOATS, ALL, gamma + at, ORDER),
              FloatVector.fromMemorySegment(FLOATS, ALL, beta + at, ORDER))
          .intoMemorySegment(ALL, out + at, ORDER);
    }
    for (; at < bytes; at += 4) {
      float norm = (Memory.getFloat(x + at) - mean) * rstd;
      Memory.setFloat(
          out + at, Math.fma(norm, Memory.getFloat(gamma + at), Memory.getFloat(beta + at)));
    }
  }

  private static void scale(long out, long x, long gamma, long bytes, float mean, float rstd) {
    long at = 0;
    for (; at <= bytes - BYTES; at += BYTES) {
      FloatVector norm =
          FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER).sub(mean).mul(rstd);
      norm.mul(FloatVector.fromMemorySegment(FLOATS, ALL, gamma + at, ORDER))
          .intoMemorySegment(ALL, out + at, ORDER);
    }
    for (; at < bytes; at += 4) {
      float norm = (Memory.getFloat(x + at) - mean) * rstd;
      Memory.setFloat(out + at, norm * Memory.getFloat(gamma + at));
    }
  }

  /**
   * With norm = (x - mean) * rstd and d = dout * gamma: {@code dx = (d - mean(d) - norm * mean(d *
   * norm)) * rstd}; {@code dgamma += sum over rows of dout * norm}; {@code dbeta += sum over rows
   * of dout}.
   */
  static final class Backward implements VectorKernel {
    private static final long PRODUCT_AT = 64;

    @Override
    public int run(long record, int part, int parts) {
      long n = Fields.integer(record, 0);
      long c = Fields.integer(record, 1);
      long dx = Fields.pointer(record, 0);
      long dgamma = Fields.pointer(record, 1);
      long dbeta = Fields.pointer(record, 2);
      long dout = Fields.pointer(record, 3);
      long x = Fields.pointer(record, 4);
      long means = Fields.pointer(record, 5);
      long rstds = Fields.pointer(record, 6);
      long gamma = Fields.pointer(record, 7);
      long scratch = Fields.scratch(record, part);
      long bytes = 4 * c;
      long last = Share.first(n, 1, part + 1, parts);
      for (long row = Share.first(n, 1, part, parts); row < last; row++) {
        long at = row * bytes;
        float mean = Memory.getFloat(means + 4 * row);
        float rstd = Memory.getFloat(rstds + 4 * row);
        sums(dout + at, x + at, gamma, bytes, mean, rstd, scratch);
        float meanD = Memory.getFloat(scratch) / c;
        float meanProduct = Memory.getFloat(scratch + 4) / c;
        input(dx + at, dout + at, x + at, gamma, bytes, mean, rstd, meanD, meanProduct);
      }
      long end = 4 * Share.first(c, Share.ELEMENTS, part + 1, parts);
      long at = 4 * Share.first(c, Share.ELEMENTS, part, parts);
      if (!Fields.adds(record, 1)) {
        Memory.clear(dgamma + at, end - at);
      }
      if (dbeta != 0 && !Fields.adds(record, 2)) {
        Memory.clear(dbeta + at, end - at);
      }
      // Row by row, which reads memory in order; the sums stay in the first-level cache.
      for (long row = 0; row < n; row++) {
        long from = row * bytes + at;
        float mean = Memory.getFloat(means + 4 * row);
        float rstd = Memory.getFloat(rstds + 4 * row);
        addProducts(dgamma + at, dout + from, x + from, end - at, mean, rstd);
        if (dbeta != 0) {
          add(dbeta + at, dout + from, end - at);
        }
      }
      return Status.OK;
    }

    /** Leaves the sums of d and of d * norm in scratch. */
    private static void sums(
        long dout, long x, long gamma, long bytes, float mean, float rstd, long scratch) {
      FloatVector sum = FloatVector.zero(FLOATS);
      FloatVector product = sum;
      long at = 0;
      for (; at <= bytes - BYTES; at += BYTES) {
        FloatVector d =
            FloatVector.fromMemorySegment(FLOATS, ALL, dout + at, ORDER)
                .mul(FloatVector.fromMemorySegment(FLOATS, ALL, gamma + at, ORDER));
        sum = sum.add(d);
        product =
            d.fma(
                FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER).sub(mean).mul(rstd),
                product);
      }
      sum.intoMemorySegment(ALL, scratch, ORDER);
      float s = Memory.sum(scratch);
      product.intoMemorySegment(ALL, scratch + PRODUCT_AT, ORDER);
      float p = Memory.sum(scratch + PRODUCT_AT);
      for (; at < bytes; at += 4) {
        float d = Memory.getFloat(dout + at) * Memory.getFloat(gamma + at);
        s += d;
        p = Math.fma(d, (Memory.getFloat(x + at) - mean) * rstd, p);
      }
      Memory.setFloat(scratch, s);
      Memory.setFloat(scratch + 4, p);
    }

    private static void input(
        long dx,
        long dout,
        long x,
        long gamma,
        long bytes,
        float mean,
        float rstd,
        float meanD,
        float meanProduct) {
      FloatVector minus = FloatVector.broadcast(FLOATS, -meanProduct);
      long at = 0;
      for (; at <= bytes - BYTES; at += BYTES) {
        FloatVector d =
            FloatVector.fromMemorySegment(FLOATS, ALL, dout + at, ORDER)
                .mul(FloatVector.fromMemorySegment(FLOATS, ALL, gamma + at, ORDER))
                .sub(meanD);
        FloatVector norm =
            FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER).sub(mean).mul(rstd);
        norm.fma(minus, d).mul(rstd).intoMemorySegment(ALL, dx + at, ORDER);
      }
      for (; at < bytes; at += 4) {
        float d = Memory.getFloat(dout + at) * Memory.getFloat(gamma + at) - meanD;
        float norm = (Memory.getFloat(x + at) - mean) * rstd;
        Memory.setFloat(dx + at, Math.fma(norm, -meanProduct, d) * rstd);
      }
    }

    /** {@code dgamma += dout * norm}. */
    private static void addProducts(
        long dgamma, long dout, long x, long bytes, float mean, float rstd) {
      long at = 0;
      for (; at <= bytes - BYTES; at += BYTES) {
        FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER)
            .sub(mean)
            .mul(rstd)
            .fma(
                FloatVector.fromMemorySegment(FLOATS, ALL, dout + at, ORDER),
                FloatVector.fromMemorySegment(FLOATS, ALL, dgamma + at, ORDER))
            .intoMemorySegment(ALL, dgamma + at, ORDER);
      }
      for (; at < bytes; at += 4) {
        float norm = (Memory.getFloat(x + at) - mean) * rstd;
        Memory.setFloat(
            dgamma + at, Math.fma(norm, Memory.getFloat(dout + at), Memory.getFloat(dgamma + at)));
      }
    }

    /** {@code dbeta += dout}. */
    private static void add(long dbeta, long dout, long bytes) {
      long at = 0;
      for (; at <= bytes - BYTES; at += BYTES) {
        FloatVector.fromMemorySegment(FLOATS, ALL, dbeta + at, ORDER)
            .add(FloatVector.fromMemorySegment(FLOATS, ALL, dout + at, ORDER))
            .intoMemorySegment(ALL, dbeta + at, ORDER);
      }
      for (; at < bytes; at += 4) {
        Memory.setFloat(dbeta + at, Memory.getFloat(dbeta + at) + Memory.getFloat(dout + at));
      }
    }
  }
}
