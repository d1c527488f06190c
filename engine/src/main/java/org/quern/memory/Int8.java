package org.quern.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Rounding of floats to 8 bits with a scale: of a group with the largest magnitude x, each is the
 * nearest integer to 127 / x times it, ties to even, and stands for that integer times x / 127.
 */
public final class Int8 {
  /** What a group is at least, in magnitude, that does not count as zero: 127 / x is finite. */
  public static final float LEAST = 0x1p-100f;

  private static final float LARGEST = 127;

  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Int8() {}

  /**
   * Rounds rows of a matrix, each in groups of {@code group}, the last of a row perhaps fewer.
   *
   * @param floats F32, little-endian, of any alignment: rows of {@code columns}
   * @param group from 1 on
   * @param integers a quarter as many bytes
   * @param scales F32 {@code [rows, groups]}; NaN for a group that has a number that is not finite,
   *     so that products show it
   * @throws MemoryException if the sizes do not fit
   */
  public static void round(
      MemorySegment floats,
      long columns,
      long group,
      MemorySegment integers,
      MemorySegment scales) {
    long rows = columns > 0 ? integers.byteSize() / columns : 0;
    long groups = group > 0 ? Math.ceilDiv(columns, group) : 0;
    if (rows * columns != integers.byteSize()
        || floats.byteSize() != Float.BYTES * integers.byteSize()
        || scales.byteSize() != Float.BYTES * rows * groups) {
      throw new MemoryException(
          "Rows of %d in groups of %d do not fit %d bytes of floats, %d of integers and %d of scales."
              .formatted(
                  columns, group, floats.byteSize(), integers.byteSize(), scales.byteSize()));
    }
    for (long row = 0; row < rows; row++) {
      for (long g = 0; g < groups; g++) {
        long first = row * columns + g * group;
        long last = Math.min((row + 1) * columns, first + group);
        float scale = round(floats, first, last, integers);
        scales.set(F32, Float.BYTES * (row * groups + g), scale);
      }
    }
  }

  private static float round(MemorySegment floats, long first, long last, MemorySegment integers) {
    float largest = 0;
    for (long i = first; i < last; i++) {
      largest = Math.max(largest, Math.abs(floats.get(F32, Float.BYTES * i)));
    }
    boolean counts = largest >= LEAST && largest <= Float.MAX_VALUE;
    float inverse = counts ? LARGEST / largest : 0;
    for (long i = first; i < last; i++) {
      float number = counts ? floats.get(F32, Float.BYTES * i) * inverse : 0;
      integers.set(ValueLayout.JAVA_BYTE, i, (byte) Math.rint(number));
    }
    if (largest < LEAST) {
      return 0;
    }
    return counts ? largest / LARGEST : Float.NaN;
  }
}
