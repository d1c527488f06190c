package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.FLOAT;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;

/**
 * The innermost product: a tile of 3 rows by 3 vectors, held in 9 registers over the whole depth.
 *
 * <p>The compiler loads all factors of a step before it multiplies any of them, so sums, vectors of
 * b and elements of a must have registers at the same time: 9 + 3 + 3 of the 16 of AVX2. Wider
 * tiles, such as 6 x 2, write sums to memory and read them back in each step, and take twice as
 * long. Everything is called on the JDK's own always-inlined methods, since a helper of ours could
 * be left out of line once the method has grown, and would then box its vectors.
 */
final class MatmulTile {
  static final int ROWS = 3;
  static final int COLUMNS = 3 * Lanes.COUNT;

  /**
   * No address and no stride has more bits than these; the compiler, once told so, sees that no sum
   * of them leaves the segment, and leaves out the checks in the loop. Strides that it knows as
   * constants make it split the loop instead, which costs up to half the speed.
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
    FloatVector c02 = FloatVector.zero(FLOATS);
    FloatVector c10 = FloatVector.zero(FLOATS);
    FloatVector c11 = FloatVector.zero(FLOATS);
    FloatVector c12 = FloatVector.zero(FLOATS);
    FloatVector c20 = FloatVector.zero(FLOATS);
    FloatVector c21 = FloatVector.zero(FLOATS);
    FloatVector c22 = FloatVector.zero(FLOATS);
    long left = a & ADDRESS;
    long panel = b & ADDRESS;
    long aPositive = aStep & STRIDE;
    long bPositive = bStep & STRIDE;
    int count = (int) depth;
    for (int p = 0; p < count; p++) {
      long at = left + p * aPositive;
      long row = panel + p * bPositive;
      FloatVector b0 = FloatVector.fromMemorySegment(FLOATS, ALL, row, ORDER);
      FloatVector b1 = FloatVector.fromMemorySegment(FLOATS, ALL, row + BYTES, ORDER);
      FloatVector b2 = FloatVector.fromMemorySegment(FLOATS, ALL, row + 2 * BYTES, ORDER);
      FloatVector x0 = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, at));
      c00 = x0.fma(b0, c00);
      c01 = x0.fma(b1, c01);
      c02 = x0.fma(b2, c02);
      FloatVector x1 = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, at + 4));
      c10 = x1.fma(b0, c10);
      c11 = x1.fma(b1, c11);
      c12 = x1.fma(b2, c12);
      FloatVector x2 = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, at + 8));
      c20 = x2.fma(b0, c20);
      c21 = x2.fma(b1, c21);
      c22 = x2.fma(b2, c22);
    }
    long from = base == 0 ? out : base;
    long fromRow = base == 0 ? outRow : 0;
    c00.add(FloatVector.fromMemorySegment(FLOATS, ALL, from, ORDER))
        .intoMemorySegment(ALL, out, ORDER);
    c01.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + BYTES, ORDER))
        .intoMemorySegment(ALL, out + BYTES, ORDER);
    c02.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + 2 * BYTES, ORDER))
        .intoMemorySegment(ALL, out + 2 * BYTES, ORDER);
    from += fromRow;
    out += outRow;
    c10.add(FloatVector.fromMemorySegment(FLOATS, ALL, from, ORDER))
        .intoMemorySegment(ALL, out, ORDER);
    c11.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + BYTES, ORDER))
        .intoMemorySegment(ALL, out + BYTES, ORDER);
    c12.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + 2 * BYTES, ORDER))
        .intoMemorySegment(ALL, out + 2 * BYTES, ORDER);
    from += fromRow;
    out += outRow;
    c20.add(FloatVector.fromMemorySegment(FLOATS, ALL, from, ORDER))
        .intoMemorySegment(ALL, out, ORDER);
    c21.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + BYTES, ORDER))
        .intoMemorySegment(ALL, out + BYTES, ORDER);
    c22.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + 2 * BYTES, ORDER))
        .intoMemorySegment(ALL, out + 2 * BYTES, ORDER);
  }

  /**
   * {@link #multiply} with a's rows anywhere, which takes a tenth longer.
   *
   * @param rows how many rows of a may be read: others repeat the last
   * @param aRow from one row of a to the next
   */
  static void multiplyRows(
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
    FloatVector c00 = FloatVector.zero(FLOATS);
    FloatVector c01 = FloatVector.zero(FLOATS);
    FloatVector c02 = FloatVector.zero(FLOATS);
    FloatVector c10 = FloatVector.zero(FLOATS);
    FloatVector c11 = FloatVector.zero(FLOATS);
    FloatVector c12 = FloatVector.zero(FLOATS);
    FloatVector c20 = FloatVector.zero(FLOATS);
    FloatVector c21 = FloatVector.zero(FLOATS);
    FloatVector c22 = FloatVector.zero(FLOATS);
    long a0 = a & ADDRESS;
    long a1 = (a + Math.min(1, rows - 1) * aRow) & ADDRESS;
    long a2 = (a + Math.min(2, rows - 1) * aRow) & ADDRESS;
    long panel = b & ADDRESS;
    long aPositive = aStep & STRIDE;
    long bPositive = bStep & STRIDE;
    int count = (int) depth;
    for (int p = 0; p < count; p++) {
      long at = p * aPositive;
      long row = panel + p * bPositive;
      FloatVector b0 = FloatVector.fromMemorySegment(FLOATS, ALL, row, ORDER);
      FloatVector b1 = FloatVector.fromMemorySegment(FLOATS, ALL, row + BYTES, ORDER);
      FloatVector b2 = FloatVector.fromMemorySegment(FLOATS, ALL, row + 2 * BYTES, ORDER);
      FloatVector x0 = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a0 + at));
      c00 = x0.fma(b0, c00);
      c01 = x0.fma(b1, c01);
      c02 = x0.fma(b2, c02);
      FloatVector x1 = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a1 + at));
      c10 = x1.fma(b0, c10);
      c11 = x1.fma(b1, c11);
      c12 = x1.fma(b2, c12);
      FloatVector x2 = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a2 + at));
      c20 = x2.fma(b0, c20);
      c21 = x2.fma(b1, c21);
      c22 = x2.fma(b2, c22);
    }
    long from = base == 0 ? out : base;
    long fromRow = base == 0 ? outRow : 0;
    c00.add(FloatVector.fromMemorySegment(FLOATS, ALL, from, ORDER))
        .intoMemorySegment(ALL, out, ORDER);
    c01.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + BYTES, ORDER))
        .intoMemorySegment(ALL, out + BYTES, ORDER);
    c02.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + 2 * BYTES, ORDER))
        .intoMemorySegment(ALL, out + 2 * BYTES, ORDER);
    from += fromRow;
    out += outRow;
    c10.add(FloatVector.fromMemorySegment(FLOATS, ALL, from, ORDER))
        .intoMemorySegment(ALL, out, ORDER);
    c11.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + BYTES, ORDER))
        .intoMemorySegment(ALL, out + BYTES, ORDER);
    c12.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + 2 * BYTES, ORDER))
        .intoMemorySegment(ALL, out + 2 * BYTES, ORDER);
    from += fromRow;
    out += outRow;
    c20.add(FloatVector.fromMemorySegment(FLOATS, ALL, from, ORDER))
        .intoMemorySegment(ALL, out, ORDER);
    c21.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + BYTES, ORDER))
        .intoMemorySegment(ALL, out + BYTES, ORDER);
    c22.add(FloatVector.fromMemorySegment(FLOATS, ALL, from + 2 * BYTES, ORDER))
        .intoMemorySegment(ALL, out + 2 * BYTES, ORDER);
  }
}
