package org.quern.exec.vector;

import org.quern.exec.Status;

/** {@code out[j] = sum of x[i]^2} over block j, added as doubles; by blocks. */
final class SquareSumKernel implements VectorKernel {
  private static final long BLOCK = 16384;

  @Override
  public int run(ProgramRecord record, int part, int parts) {
    long n = record.integer(0);
    long out = record.pointer(0);
    long x = record.pointer(1);
    long blocks = (n + BLOCK - 1) / BLOCK;
    long last = Share.first(blocks, 1, part + 1, parts);
    for (long block = Share.first(blocks, 1, part, parts); block < last; block++) {
      long from = block * BLOCK;
      double sum = sum(x + 4 * from, 4 * Math.min(BLOCK, n - from));
      Memory.setFloat(out + 4 * block, (float) sum);
    }
    return Status.OK;
  }

  private static double sum(long x, long bytes) {
    double sum0 = 0;
    double sum1 = 0;
    double sum2 = 0;
    double sum3 = 0;
    long at = 0;
    for (; at <= bytes - 16; at += 16) {
      double x0 = Memory.getFloat(x + at);
      double x1 = Memory.getFloat(x + at + 4);
      double x2 = Memory.getFloat(x + at + 8);
      double x3 = Memory.getFloat(x + at + 12);
      sum0 += x0 * x0;
      sum1 += x1 * x1;
      sum2 += x2 * x2;
      sum3 += x3 * x3;
    }
    for (; at < bytes; at += 4) {
      double x0 = Memory.getFloat(x + at);
      sum0 += x0 * x0;
    }
    return sum0 + sum1 + (sum2 + sum3);
  }
}
