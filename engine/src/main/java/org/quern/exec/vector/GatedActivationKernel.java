package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;
import org.quern.exec.Status;

/** {@code y = act(gate) * up} (Shazeer 2020). */
final class GatedActivationKernel implements VectorKernel {
  private static final long SLOPE_AT = Activations.BLOCK_BYTES;
  private static final long COPY_AT = 2 * Activations.BLOCK_BYTES;

  @Override
  public int run(ProgramRecord record, int part, int parts) {
    long n = record.integer(0);
    long kind = record.integer(1);
    if (!Activations.known(kind)) {
      return Status.BAD_PROGRAM;
    }
    long y = record.pointer(0);
    long gate = record.pointer(1);
    long up = record.pointer(2);
    long scratch = record.scratch(part);
    long last = 4 * Share.first(n, Share.ELEMENTS, part + 1, parts);
    for (long at = 4 * Share.first(n, Share.ELEMENTS, part, parts);
        at < last;
        at += Activations.BLOCK_BYTES) {
      long bytes = Math.min(Activations.BLOCK_BYTES, last - at);
      Activations.value((int) kind, scratch, gate + at, bytes, scratch + COPY_AT);
      ActivationKernel.multiply(y + at, up + at, scratch, bytes);
    }
    return Status.OK;
  }

  /** {@code dgate = dy up act'(gate)}; {@code dup = dy act(gate)}. */
  static final class Backward implements VectorKernel {
    @Override
    public int run(ProgramRecord record, int part, int parts) {
      long n = record.integer(0);
      long kind = record.integer(1);
      if (!Activations.known(kind)) {
        return Status.BAD_PROGRAM;
      }
      long dgate = record.pointer(0);
      long dup = record.pointer(1);
      long dy = record.pointer(2);
      long gate = record.pointer(3);
      long up = record.pointer(4);
      long scratch = record.scratch(part);
      long last = 4 * Share.first(n, Share.ELEMENTS, part + 1, parts);
      for (long at = 4 * Share.first(n, Share.ELEMENTS, part, parts);
          at < last;
          at += Activations.BLOCK_BYTES) {
        long bytes = Math.min(Activations.BLOCK_BYTES, last - at);
        Activations.value((int) kind, scratch, gate + at, bytes, scratch + COPY_AT);
        Activations.slope((int) kind, scratch + SLOPE_AT, gate + at, bytes, scratch + COPY_AT);
        gate(dgate + at, dy + at, up + at, scratch + SLOPE_AT, bytes);
        ActivationKernel.multiply(dup + at, dy + at, scratch, bytes);
      }
      return Status.OK;
    }

    private static void gate(long dgate, long dy, long up, long slope, long bytes) {
      long at = 0;
      for (; at <= bytes - BYTES; at += BYTES) {
        FloatVector.fromMemorySegment(FLOATS, ALL, dy + at, ORDER)
            .mul(FloatVector.fromMemorySegment(FLOATS, ALL, up + at, ORDER))
            .mul(FloatVector.fromMemorySegment(FLOATS, ALL, slope + at, ORDER))
            .intoMemorySegment(ALL, dgate + at, ORDER);
      }
      for (; at < bytes; at += 4) {
        Memory.setFloat(
            dgate + at,
            Memory.getFloat(dy + at) * Memory.getFloat(up + at) * Memory.getFloat(slope + at));
      }
    }
  }
}
