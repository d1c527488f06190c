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
  public int run(ProgramRecord record, int part, int parts) {
    long n = record.integer(0);
    long c = record.integer(1);
    float epsilon = record.floating(0);
    long out = record.pointer(0);
    long means = record.pointer(1);
    long rstds = record.pointer(2);
    long x = record.pointer(3);
    long gamma = record.pointer(4);
    long beta = record.pointer(5);
    long scratch = record.scratch(part);
    long bytes = 4 * c;
    long last = Share.first(n, 1, part + 1, parts);
    for (long row = Share.first(n, 1, part, parts); row < last; row++) {
      long from = x + row * bytes;
      statistics(means + 4 * row, rstds + 4 * row, from, bytes, epsilon, scratch);
      float mean = Memory.getFloat(means + 4 * row);
      float rstd = Memory.getFloat(rstds + 4 * row);
      if (beta == 0) {
        scale(out + row * bytes, from, gamma, bytes, mean, rstd);
      } else {
        scale(out + row * bytes, from, gamma, beta, bytes, mean, rstd);
      }
    }
    return Status.OK;
  }

  /** Writes the mean of a row and one over its standard deviation. */
  private static void statistics(
      long means, long rstds, long x, long bytes, float epsilon, long scratch) {
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
    long c = bytes / 4;
    float mean = sum / c;
    FloatVector square0 = FloatVector.zero(FLOATS);
    FloatVector square1 = square0;
    for (at = 0; at <= bytes - 2 * BYTES; at += 2 * BYTES) {
      FloatVector d0 = FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER).sub(mean);
      FloatVector d1 = FloatVector.fromMemorySegment(FLOATS, ALL, x + at + BYTES, ORDER).sub(mean);
      square0 = d0.fma(d0, square0);
      square1 = d1.fma(d1, square1);
    }
    square0.add(square1).intoMemorySegment(ALL, scratch, ORDER);
    float squares = Memory.sum(scratch);
    for (; at < bytes; at += 4) {
      float d = Memory.getFloat(x + at) - mean;
      squares = Math.fma(d, d, squares);
    }
    Memory.setFloat(means, mean);
    Memory.setFloat(rstds, (float) (1 / Math.sqrt((double) (squares / c) + epsilon)));
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
    public int run(ProgramRecord record, int part, int parts) {
      long n = record.integer(0);
      long c = record.integer(1);
      long dx = record.pointer(0);
      long dgamma = record.pointer(1);
      long dbeta = record.pointer(2);
      long dout = record.pointer(3);
      long x = record.pointer(4);
      long means = record.pointer(5);
      long rstds = record.pointer(6);
      long gamma = record.pointer(7);
      long scratch = record.scratch(part);
      long bytes = 4 * c;
      long last = Share.first(n, 1, part + 1, parts);
      for (long row = Share.first(n, 1, part, parts); row < last; row++) {
        long at = row * bytes;
        float mean = Memory.getFloat(means + 4 * row);
        float rstd = Memory.getFloat(rstds + 4 * row);
        input(dx + at, dout + at, x + at, gamma, bytes, mean, rstd, scratch);
      }
      long end = 4 * Share.first(c, Share.ELEMENTS, part + 1, parts);
      long at = 4 * Share.first(c, Share.ELEMENTS, part, parts);
      if (!record.adds(1)) {
        Memory.clear(dgamma + at, end - at);
      }
      if (dbeta != 0 && !record.adds(2)) {
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

    /** One row of dx: the sums of d and of d * norm first. */
    private static void input(
        long dx, long dout, long x, long gamma, long bytes, float mean, float rstd, long scratch) {
      FloatVector sum = FloatVector.zero(FLOATS);
      FloatVector product = sum;
      FloatVector center = FloatVector.broadcast(FLOATS, mean);
      FloatVector scale = FloatVector.broadcast(FLOATS, rstd);
      long at = 0;
      for (; at <= bytes - BYTES; at += BYTES) {
        FloatVector d =
            FloatVector.fromMemorySegment(FLOATS, ALL, dout + at, ORDER)
                .mul(FloatVector.fromMemorySegment(FLOATS, ALL, gamma + at, ORDER));
        sum = sum.add(d);
        product =
            d.fma(
                FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER).sub(center).mul(scale),
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
      long c = bytes / 4;
      float meanD = s / c;
      float meanProduct = p / c;
      FloatVector minus = FloatVector.broadcast(FLOATS, -meanProduct);
      for (at = 0; at <= bytes - BYTES; at += BYTES) {
        FloatVector d =
            FloatVector.fromMemorySegment(FLOATS, ALL, dout + at, ORDER)
                .mul(FloatVector.fromMemorySegment(FLOATS, ALL, gamma + at, ORDER))
                .sub(meanD);
        FloatVector norm =
            FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER).sub(center).mul(scale);
        norm.fma(minus, d).mul(scale).intoMemorySegment(ALL, dx + at, ORDER);
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
