package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;
import org.quern.exec.Status;

/** {@code y = act(x)}. */
final class ActivationKernel implements VectorKernel {
  private static final long COPY_AT = Activations.BLOCK_BYTES;

  @Override
  public int run(ProgramRecord record, int part, int parts) {
    long n = record.integer(0);
    long kind = record.integer(1);
    if (!Activations.known(kind)) {
      return Status.BAD_PROGRAM;
    }
    long y = record.pointer(0);
    long x = record.pointer(1);
    long scratch = record.scratch(part);
    long last = 4 * Share.first(n, Share.ELEMENTS, part + 1, parts);
    for (long at = 4 * Share.first(n, Share.ELEMENTS, part, parts);
        at < last;
        at += Activations.BLOCK_BYTES) {
      long bytes = Math.min(Activations.BLOCK_BYTES, last - at);
      Activations.value((int) kind, scratch, x + at, bytes, scratch + COPY_AT);
      Memory.copy(y + at, scratch, bytes);
    }
    return Status.OK;
  }

  /** {@code dx = act'(x) dy}. */
  static final class Backward implements VectorKernel {
    @Override
    public int run(ProgramRecord record, int part, int parts) {
      long n = record.integer(0);
      long kind = record.integer(1);
      if (!Activations.known(kind)) {
        return Status.BAD_PROGRAM;
      }
      long dx = record.pointer(0);
      long dy = record.pointer(1);
      long x = record.pointer(2);
      long scratch = record.scratch(part);
      long last = 4 * Share.first(n, Share.ELEMENTS, part + 1, parts);
      for (long at = 4 * Share.first(n, Share.ELEMENTS, part, parts);
          at < last;
          at += Activations.BLOCK_BYTES) {
        long bytes = Math.min(Activations.BLOCK_BYTES, last - at);
        Activations.slope((int) kind, scratch, x + at, bytes, scratch + COPY_AT);
        multiply(dx + at, dy + at, scratch, bytes);
      }
      return Status.OK;
    }
  }

  /** {@code to = a b}; {@code to} may be {@code a}. */
  static void multiply(long to, long a, long b, long bytes) {
    long at = 0;
    for (; at <= bytes - BYTES; at += BYTES) {
      FloatVector.fromMemorySegment(FLOATS, ALL, a + at, ORDER)
          .mul(FloatVector.fromMemorySegment(FLOATS, ALL, b + at, ORDER))
          .intoMemorySegment(ALL, to + at, ORDER);
    }
    for (; at < bytes; at += 4) {
      Memory.setFloat(to + at, Memory.getFloat(a + at) * Memory.getFloat(b + at));
    }
  }
}
