package org.quern.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Rounding of floats to BF16, the upper half of a float. */
public final class BFloat16 {
  private static final ValueLayout.OfShort I16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Rows and columns transposed together: as many floats as a line of a cache has. */
  private static final long SQUARE = 16;

  private BFloat16() {}

  /**
   * Rounds each float to the nearest BF16, ties to even; what is too large becomes infinite.
   *
   * @param floats F32, little-endian, of any length and alignment
   * @param target half as many bytes
   */
  public static void round(MemorySegment floats, MemorySegment target) {
    long count = floats.byteSize() / Float.BYTES;
    for (long i = 0; i < count; i++) {
      target.set(I16, i * Short.BYTES, round(floats.get(I32, i * Float.BYTES)));
    }
  }

  /**
   * Rounds a part of a matrix and transposes it.
   *
   * @param floats F32 {@code [rows, columns]}
   * @param target BF16 {@code [last - first, rows]}: the columns from {@code first} to before
   *     {@code last}
   */
  public static void roundTransposed(
      MemorySegment floats, long rows, long columns, long first, long last, MemorySegment target) {
    for (long row = 0; row < rows; row += SQUARE) {
      for (long column = first; column < last; column += SQUARE) {
        long lastRow = Math.min(rows, row + SQUARE);
        for (long j = column; j < Math.min(last, column + SQUARE); j++) {
          for (long i = row; i < lastRow; i++) {
            short rounded = round(floats.get(I32, (i * columns + j) * Float.BYTES));
            target.set(I16, ((j - first) * rows + i) * Short.BYTES, rounded);
          }
        }
      }
    }
  }

  /**
   * A NaN gets its quiet bit, since rounding could carry it into infinity or drop the only set bits
   * of its payload.
   */
  private static short round(int bits) {
    boolean nan = (bits & 0x7fff_ffff) > 0x7f80_0000;
    int rounded = bits + 0x7fff + ((bits >>> 16) & 1);
    return (short) ((nan ? bits | 0x0040_0000 : rounded) >>> 16);
  }
}
