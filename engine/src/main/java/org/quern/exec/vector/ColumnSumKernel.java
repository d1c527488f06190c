package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;

import jdk.incubator.vector.FloatVector;
import org.quern.exec.Status;

/** {@code out[c] += sum over n of x[n, c]}. */
final class ColumnSumKernel implements VectorKernel {
  @Override
  public int run(long record, int part, int parts) {
    long n = Fields.integer(record, 0);
    long c = Fields.integer(record, 1);
    long out = Fields.pointer(record, 0);
    long x = Fields.pointer(record, 1);
    long last = 4 * Share.first(c, Share.ELEMENTS, part + 1, parts);
    long at = 4 * Share.first(c, Share.ELEMENTS, part, parts);
    for (; at <= last - 4 * BYTES; at += 4 * BYTES) {
      sum4(out + at, x + at, 4 * c, n);
    }
    for (; at <= last - BYTES; at += BYTES) {
      sum1(out + at, x + at, 4 * c, n);
    }
    for (; at < last; at += 4) {
      float sum = 0;
      for (long i = 0; i < n; i++) {
        sum += Memory.getFloat(x + at + i * 4 * c);
      }
      Memory.setFloat(out + at, Memory.getFloat(out + at) + sum);
    }
    return Status.OK;
  }

  private static void sum4(long out, long x, long row, long n) {
    FloatVector sum0 = FloatVector.zero(Lanes.FLOATS);
    FloatVector sum1 = sum0;
    FloatVector sum2 = sum0;
    FloatVector sum3 = sum0;
    for (long i = 0; i < n; i++) {
      sum0 = sum0.add(Memory.load(x));
      sum1 = sum1.add(Memory.load(x + BYTES));
      sum2 = sum2.add(Memory.load(x + 2 * BYTES));
      sum3 = sum3.add(Memory.load(x + 3 * BYTES));
      x += row;
    }
    Memory.store(out, Memory.load(out).add(sum0));
    Memory.store(out + BYTES, Memory.load(out + BYTES).add(sum1));
    Memory.store(out + 2 * BYTES, Memory.load(out + 2 * BYTES).add(sum2));
    Memory.store(out + 3 * BYTES, Memory.load(out + 3 * BYTES).add(sum3));
  }

  private static void sum1(long out, long x, long row, long n) {
    FloatVector sum = FloatVector.zero(Lanes.FLOATS);
    for (long i = 0; i < n; i++) {
      sum = sum.add(Memory.load(x));
      x += row;
    }
    Memory.store(out, Memory.load(out).add(sum));
  }
}
