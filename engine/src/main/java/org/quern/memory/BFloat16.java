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

  /**
   * Elements that are copied to an array, converted and copied back: a loop over arrays is quick
   * where no optimizing compiler runs, one over memory is not.
   */
  private static final int CHUNK = 1 << 12;

  /** Rows that are transposed together: as many floats as a line of a cache has. */
  private static final int TOGETHER = 16;

  private BFloat16() {}

  /**
   * Rounds each float to the nearest BF16, ties to even; what is too large becomes infinite.
   *
   * @param floats F32, little-endian, of any length and alignment
   * @param target half as many bytes
   */
  public static void round(MemorySegment floats, MemorySegment target) {
    int[] bits = new int[CHUNK];
    short[] rounded = new short[CHUNK];
    long elements = floats.byteSize() / Float.BYTES;
    for (long first = 0; first < elements; first += CHUNK) {
      int count = (int) Math.min(CHUNK, elements - first);
      MemorySegment.copy(floats, I32, first * Float.BYTES, bits, 0, count);
      for (int i = 0; i < count; i++) {
        rounded[i] = round(bits[i]);
      }
      MemorySegment.copy(rounded, 0, target, I16, first * Short.BYTES, count);
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
    int width = Math.toIntExact(last - first);
    int[] bits = new int[TOGETHER * width];
    short[] column = new short[TOGETHER];
    for (long row = 0; row < rows; row += TOGETHER) {
      int count = (int) Math.min(TOGETHER, rows - row);
      for (int i = 0; i < count; i++) {
        long from = ((row + i) * columns + first) * Float.BYTES;
        MemorySegment.copy(floats, I32, from, bits, i * width, width);
      }
      for (int j = 0; j < width; j++) {
        for (int i = 0; i < count; i++) {
          column[i] = round(bits[i * width + j]);
        }
        MemorySegment.copy(column, 0, target, I16, (j * rows + row) * Short.BYTES, count);
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
