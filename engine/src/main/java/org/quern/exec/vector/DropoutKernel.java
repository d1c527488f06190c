package org.quern.exec.vector;

import static jdk.incubator.vector.VectorOperators.LT;
import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;
import org.quern.exec.Status;

/** {@code y = x kept / (1 - probability)} (Srivastava et al. 2014); its own adjoint. */
final class DropoutKernel implements VectorKernel {
  private static final long BLOCK_BYTES = 4096;

  /** Room before the random numbers, for those that share a counter with the first. */
  private static final long RANDOM_AT = 64;

  @Override
  public int run(ProgramRecord record, int part, int parts) {
    long n = record.integer(0);
    int stream = (int) record.integer(1);
    float probability = record.floating(0);
    long y = record.pointer(0);
    long x = record.pointer(1);
    long step = record.step();
    long random = record.scratch(part) + RANDOM_AT;
    long last = 4 * Share.first(n, Share.ELEMENTS, part + 1, parts);
    for (long at = 4 * Share.first(n, Share.ELEMENTS, part, parts); at < last; at += BLOCK_BYTES) {
      long bytes = Math.min(BLOCK_BYTES, last - at);
      Philox.uniform(random, step, stream, at / 4, bytes / 4);
      drop(y + at, x + at, random, bytes, probability);
    }
    return Status.OK;
  }

  /** {@code y = x / (1 - probability)} where random is at least that, else 0; y may be x. */
  static void drop(long y, long x, long random, long bytes, float probability) {
    float kept = 1 - probability;
    long at = 0;
    for (; at <= bytes - BYTES; at += BYTES) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER).div(kept);
      v.blend(
              0f,
              FloatVector.fromMemorySegment(FLOATS, ALL, random + at, ORDER)
                  .compare(LT, probability))
          .intoMemorySegment(ALL, y + at, ORDER);
    }
    for (; at < bytes; at += 4) {
      boolean keep = Memory.getFloat(random + at) >= probability;
      Memory.setFloat(y + at, keep ? Memory.getFloat(x + at) / kept : 0);
    }
  }
}
