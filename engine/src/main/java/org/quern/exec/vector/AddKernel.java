package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;
import org.quern.exec.Status;

/** {@code y = a + b}. */
final class AddKernel implements VectorKernel {
  @Override
  public int run(ProgramRecord record, int part, int parts) {
    long n = record.integer(0);
    long at = 4 * Share.first(n, Share.ELEMENTS, part, parts);
    long bytes = 4 * Share.first(n, Share.ELEMENTS, part + 1, parts) - at;
    add(record.pointer(0) + at, record.pointer(1) + at, record.pointer(2) + at, bytes);
    return Status.OK;
  }

  /** {@code y = a + b}; {@code y} may be {@code a} or {@code b}. */
  static void add(long y, long a, long b, long bytes) {
    long at = 0;
    for (; at <= bytes - BYTES; at += BYTES) {
      FloatVector.fromMemorySegment(FLOATS, ALL, a + at, ORDER)
          .add(FloatVector.fromMemorySegment(FLOATS, ALL, b + at, ORDER))
          .intoMemorySegment(ALL, y + at, ORDER);
    }
    for (; at < bytes; at += 4) {
      Memory.setFloat(y + at, Memory.getFloat(a + at) + Memory.getFloat(b + at));
    }
  }
}
