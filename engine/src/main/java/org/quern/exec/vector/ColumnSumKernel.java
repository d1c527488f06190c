package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;
import org.quern.exec.Status;

/** {@code out[c] (+)= sum over n of x[n, c]}. */
final class ColumnSumKernel implements VectorKernel {
  @Override
  public int run(ProgramRecord record, int part, int parts) {
    long n = record.integer(0);
    long c = record.integer(1);
    long out = record.pointer(0);
    long x = record.pointer(1);
    long last = 4 * Share.first(c, Share.ELEMENTS, part + 1, parts);
    long at = 4 * Share.first(c, Share.ELEMENTS, part, parts);
    if (!record.adds(0)) {
      Memory.clear(out + at, last - at);
    }
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
      sum0 = sum0.add(FloatVector.fromMemorySegment(FLOATS, ALL, x, ORDER));
      sum1 = sum1.add(FloatVector.fromMemorySegment(FLOATS, ALL, x + BYTES, ORDER));
      sum2 = sum2.add(FloatVector.fromMemorySegment(FLOATS, ALL, x + 2 * BYTES, ORDER));
      sum3 = sum3.add(FloatVector.fromMemorySegment(FLOATS, ALL, x + 3 * BYTES, ORDER));
      x += row;
    }
    FloatVector.fromMemorySegment(FLOATS, ALL, out, ORDER)
        .add(sum0)
        .intoMemorySegment(ALL, out, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, out + BYTES, ORDER)
        .add(sum1)
        .intoMemorySegment(ALL, out + BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, out + 2 * BYTES, ORDER)
        .add(sum2)
        .intoMemorySegment(ALL, out + 2 * BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, out + 3 * BYTES, ORDER)
        .add(sum3)
        .intoMemorySegment(ALL, out + 3 * BYTES, ORDER);
  }

  private static void sum1(long out, long x, long row, long n) {
    FloatVector sum = FloatVector.zero(Lanes.FLOATS);
    for (long i = 0; i < n; i++) {
      sum = sum.add(FloatVector.fromMemorySegment(FLOATS, ALL, x, ORDER));
      x += row;
    }
    FloatVector.fromMemorySegment(FLOATS, ALL, out, ORDER)
        .add(sum)
        .intoMemorySegment(ALL, out, ORDER);
  }
}
