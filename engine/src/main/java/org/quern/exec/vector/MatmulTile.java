package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.FLOAT;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;

/**
 * The innermost product: a tile of 6 rows by 2 vectors, held in 12 registers over the whole depth,
 * which leaves 4 of the 16 of AVX2 for the factors. Everything is called on the JDK's own
 * always-inlined methods, since a helper of ours could be left out of line once the method has
 * grown, and would then box its vectors.
 *
 * <p>Whether the compiler keeps all sums in registers hangs on how addresses are spelled. Both go
 * from step to step, and a's six elements are at constant distances from one of them: then it loads
 * two of them at a time, right before they are needed. With an address for each row, or with {@code
 * p * aStep}, it loads all six at once, has no registers left, and keeps four sums in memory, at
 * less than half the speed. Look at the machine code after every change.
 */
final class MatmulTile {
  static final int ROWS = 6;
  static final int COLUMNS = 2 * Lanes.COUNT;

  /**
   * No address and no stride has more bits than these; the compiler, once told so, sees that no sum
   * of them leaves the segment, and leaves out the checks in the loop.
   */
  private static final long ADDRESS = (1L << 61) - 1;

  private static final long STRIDE = (1L << 31) - 1;

  private MatmulTile() {}

  /**
   * {@code out[i, j] = base + sum over p < depth of a[i, p] * b[p, j]}, with a's rows side by side:
   * element (i, p) is at {@code a + 4 * i + p * aStep}. All strides are in bytes.
   *
   * @param aStep from one column of a to the next
   * @param bStep from one row of b to the next; a row of b is contiguous
   * @param base address of {@link #COLUMNS} floats that each row starts from, or 0 to add to out
   */
  static void multiply(
      long a, long aStep, long b, long bStep, long depth, long out, long outRow, long base) {
    FloatVector c00 = FloatVector.zero(FLOATS);
    FloatVector c01 = FloatVector.zero(FLOATS);
    FloatVector c10 = FloatVector.zero(FLOATS);
    FloatVector c11 = FloatVector.zero(FLOATS);
    FloatVector c20 = FloatVector.zero(FLOATS);
    FloatVector c21 = FloatVector.zero(FLOATS);
    FloatVector c30 = FloatVector.zero(FLOATS);
    FloatVector c31 = FloatVector.zero(FLOATS);
    FloatVector c40 = FloatVector.zero(FLOATS);
    FloatVector c41 = FloatVector.zero(FLOATS);
    FloatVector c50 = FloatVector.zero(FLOATS);
    FloatVector c51 = FloatVector.zero(FLOATS);
    long aPositive = aStep & STRIDE;
    long bPositive = bStep & STRIDE;
    long column = a & ADDRESS;
    long row = b & ADDRESS;
    int count = (int) depth;
    for (int p = 0; p < count; p++) {
      FloatVector b0 = FloatVector.fromMemorySegment(FLOATS, ALL, row, ORDER);
      FloatVector b1 = FloatVector.fromMemorySegment(FLOATS, ALL, row + BYTES, ORDER);
      FloatVector a0 = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, column));
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, column + 4));
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, column + 8));
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, column + 12));
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      FloatVector a4 = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, column + 16));
      c40 = a4.fma(b0, c40);
      c41 = a4.fma(b1, c41);
      FloatVector a5 = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, column + 20));
      c50 = a5.fma(b0, c50);
      c51 = a5.fma(b1, c51);
      column = (column + aPositive) & ADDRESS;
      row = (row + bPositive) & ADDRESS;
    }
    long from = base == 0 ? out : base;
    long fromRow = base == 0 ? outRow : 0;
    c00.add(FloatVector.fromMemorySegment(FLOATS, ALL, from, ORDER))
        .intoMemorySegment(ALL, out, ORDER);
    c01.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + BYTES, ORDER))
        .intoMemorySegment(ALL, out + BYTES, ORDER);
    from += fromRow;
    out += outRow;
    c10.add(FloatVector.fromMemorySegment(FLOATS, ALL, from, ORDER))
        .intoMemorySegment(ALL, out, ORDER);
    c11.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + BYTES, ORDER))
        .intoMemorySegment(ALL, out + BYTES, ORDER);
    from += fromRow;
    out += outRow;
    c20.add(FloatVector.fromMemorySegment(FLOATS, ALL, from, ORDER))
        .intoMemorySegment(ALL, out, ORDER);
    c21.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + BYTES, ORDER))
        .intoMemorySegment(ALL, out + BYTES, ORDER);
    from += fromRow;
    out += outRow;
    c30.add(FloatVector.fromMemorySegment(FLOATS, ALL, from, ORDER))
        .intoMemorySegment(ALL, out, ORDER);
    c31.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + BYTES, ORDER))
        .intoMemorySegment(ALL, out + BYTES, ORDER);
    from += fromRow;
    out += outRow;
    c40.add(FloatVector.fromMemorySegment(FLOATS, ALL, from, ORDER))
        .intoMemorySegment(ALL, out, ORDER);
    c41.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + BYTES, ORDER))
        .intoMemorySegment(ALL, out + BYTES, ORDER);
    from += fromRow;
    out += outRow;
    c50.add(FloatVector.fromMemorySegment(FLOATS, ALL, from, ORDER))
        .intoMemorySegment(ALL, out, ORDER);
    c51.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + BYTES, ORDER))
        .intoMemorySegment(ALL, out + BYTES, ORDER);
  }
}
