package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.FLOAT;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;

/**
 * The innermost product: a tile of 6 rows by 2 vectors, held in 12 registers over the whole depth.
 * 6 x 2 leaves 4 of the 16 registers of AVX2 for the operands and came out fastest of the shapes
 * that fit. Everything is called on the JDK's own always-inlined methods, since a helper of ours
 * could be left out of line once the method has grown, and would then box its vectors.
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
   * {@code out[i, j] = base + sum over p < depth of a[i, p] * b[p, j]}. All strides are in bytes.
   *
   * @param rows how many rows of a may be read: others repeat the last
   * @param aRow from one row of a to the next
   * @param aStep from one column of a to the next
   * @param bStep from one row of b to the next; a row of b is contiguous
   * @param base address of {@link #COLUMNS} floats that each row starts from, or 0 to add to out
   */
  static void multiply(
      long a,
      int rows,
      long aRow,
      long aStep,
      long b,
      long bStep,
      long depth,
      long out,
      long outRow,
      long base) {
    long a0 = a & ADDRESS;
    long a1 = (a + Math.min(1, rows - 1) * aRow) & ADDRESS;
    long a2 = (a + Math.min(2, rows - 1) * aRow) & ADDRESS;
    long a3 = (a + Math.min(3, rows - 1) * aRow) & ADDRESS;
    long a4 = (a + Math.min(4, rows - 1) * aRow) & ADDRESS;
    long a5 = (a + Math.min(5, rows - 1) * aRow) & ADDRESS;
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
    long panel = b & ADDRESS;
    long aPositive = aStep & STRIDE;
    long bPositive = bStep & STRIDE;
    int count = (int) depth;
    for (int p = 0; p < count; p++) {
      long at = p * aPositive;
      long row = panel + p * bPositive;
      FloatVector b0 = FloatVector.fromMemorySegment(FLOATS, ALL, row, ORDER);
      FloatVector b1 = FloatVector.fromMemorySegment(FLOATS, ALL, row + BYTES, ORDER);
      FloatVector a0v = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a0 + at));
      c00 = a0v.fma(b0, c00);
      c01 = a0v.fma(b1, c01);
      FloatVector a1v = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a1 + at));
      c10 = a1v.fma(b0, c10);
      c11 = a1v.fma(b1, c11);
      FloatVector a2v = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a2 + at));
      c20 = a2v.fma(b0, c20);
      c21 = a2v.fma(b1, c21);
      FloatVector a3v = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a3 + at));
      c30 = a3v.fma(b0, c30);
      c31 = a3v.fma(b1, c31);
      FloatVector a4v = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a4 + at));
      c40 = a4v.fma(b0, c40);
      c41 = a4v.fma(b1, c41);
      FloatVector a5v = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a5 + at));
      c50 = a5v.fma(b0, c50);
      c51 = a5v.fma(b1, c51);
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
