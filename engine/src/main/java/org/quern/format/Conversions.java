package org.quern.format;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.quern.ir.DType;
import org.quern.memory.BFloat16;

/**
 * Conversion of elements between types, in bulk, over segments of any length and alignment. All
 * segments are little-endian. Where a value has no exact counterpart it is rounded to nearest, ties
 * to even (IEEE 754-2019, §4.3.1).
 */
public final class Conversions {
  private static final ValueLayout.OfShort I16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong I64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble F64 =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /**
   * Elements that are copied to an array, converted and copied back: a loop over arrays is quick
   * where no optimizing compiler runs, one over memory is not.
   */
  private static final int CHUNK = 1 << 12;

  private Conversions() {}

  /** Whether all values of this type are integers. */
  public static boolean isInteger(DType dtype) {
    return switch (dtype) {
      case I64, I32, I16, I8, U8, BOOL -> true;
      case F64, F32, F16, BF16 -> false;
    };
  }

  /**
   * Converts all elements of {@code source} to F32.
   *
   * @throws IllegalArgumentException if the two segments do not hold the same number of elements
   */
  public static void toF32(DType from, MemorySegment source, MemorySegment target) {
    long n = elements(from, source, DType.F32, target);
    switch (from) {
      case F32 -> MemorySegment.copy(source, 0, target, 0, source.byteSize());
      case BF16 -> {
        short[] halves = new short[CHUNK];
        int[] bits = new int[CHUNK];
        for (long first = 0; first < n; first += CHUNK) {
          int count = (int) Math.min(CHUNK, n - first);
          MemorySegment.copy(source, I16, first * 2, halves, 0, count);
          for (int i = 0; i < count; i++) {
            bits[i] = halves[i] << 16;
          }
          MemorySegment.copy(bits, 0, target, I32, first * 4, count);
        }
      }
      case F16 -> {
        short[] halves = new short[CHUNK];
        float[] floats = new float[CHUNK];
        for (long first = 0; first < n; first += CHUNK) {
          int count = (int) Math.min(CHUNK, n - first);
          MemorySegment.copy(source, I16, first * 2, halves, 0, count);
          for (int i = 0; i < count; i++) {
            floats[i] = Float.float16ToFloat(halves[i]);
          }
          MemorySegment.copy(floats, 0, target, F32, first * 4, count);
        }
      }
      case F64 -> {
        for (long i = 0; i < n; i++) {
          target.set(F32, i * 4, (float) source.get(F64, i * 8));
        }
      }
      case I64 -> {
        for (long i = 0; i < n; i++) {
          target.set(F32, i * 4, (float) source.get(I64, i * 8));
        }
      }
      case I32 -> {
        for (long i = 0; i < n; i++) {
          target.set(F32, i * 4, (float) source.get(I32, i * 4));
        }
      }
      case I16 -> {
        for (long i = 0; i < n; i++) {
          target.set(F32, i * 4, (float) source.get(I16, i * 2));
        }
      }
      case I8 -> {
        for (long i = 0; i < n; i++) {
          target.set(F32, i * 4, (float) source.get(JAVA_BYTE, i));
        }
      }
      case U8 -> {
        for (long i = 0; i < n; i++) {
          target.set(F32, i * 4, (float) (source.get(JAVA_BYTE, i) & 0xff));
        }
      }
      case BOOL -> {
        for (long i = 0; i < n; i++) {
          target.set(F32, i * 4, source.get(JAVA_BYTE, i) == 0 ? 0f : 1f);
        }
      }
    }
  }

  /**
   * Converts F32 elements to F32, F16, BF16 or F64. NaN stays NaN; what is too large becomes
   * infinite.
   *
   * @throws IllegalArgumentException if the segments do not hold the same number of elements, or
   *     {@code to} is an integer type
   */
  public static void fromF32(DType to, MemorySegment source, MemorySegment target) {
    long n = elements(DType.F32, source, to, target);
    switch (to) {
      case F32 -> MemorySegment.copy(source, 0, target, 0, source.byteSize());
      case BF16 -> BFloat16.round(source, target);
      case F16 -> {
        for (long i = 0; i < n; i++) {
          target.set(I16, i * 2, Float.floatToFloat16(source.get(F32, i * 4)));
        }
      }
      case F64 -> {
        for (long i = 0; i < n; i++) {
          target.set(F64, i * 8, source.get(F32, i * 4));
        }
      }
      case I64, I32, I16, I8, U8, BOOL ->
          throw new IllegalArgumentException("Weights are not stored as " + to + ".");
    }
  }

  /**
   * Converts all elements of an integer type to I32.
   *
   * @return the index of the first element that does not fit, after which nothing is converted; −1
   *     if all do
   * @throws IllegalArgumentException if the segments do not hold the same number of elements, or
   *     {@code from} is a floating-point type
   */
  public static long toI32(DType from, MemorySegment source, MemorySegment target) {
    long n = elements(from, source, DType.I32, target);
    switch (from) {
      case I32 -> MemorySegment.copy(source, 0, target, 0, source.byteSize());
      case I64 -> {
        for (long i = 0; i < n; i++) {
          long value = source.get(I64, i * 8);
          if (value != (int) value) {
            return i;
          }
          target.set(I32, i * 4, (int) value);
        }
      }
      case I16, I8, U8, BOOL -> {
        for (long i = 0; i < n; i++) {
          target.set(I32, i * 4, (int) element(from, source, i));
        }
      }
      case F64, F32, F16, BF16 ->
          throw new IllegalArgumentException(from + " elements are no integers.");
    }
    return -1;
  }

  /** Element {@code index} as a double; exact for every type but I64 beyond 2⁵³. */
  public static double element(DType from, MemorySegment source, long index) {
    return switch (from) {
      case F64 -> source.get(F64, index * 8);
      case F32 -> source.get(F32, index * 4);
      case F16 -> Float.float16ToFloat(source.get(I16, index * 2));
      case BF16 -> Float.intBitsToFloat(source.get(I16, index * 2) << 16);
      case I64 -> source.get(I64, index * 8);
      case I32 -> source.get(I32, index * 4);
      case I16 -> source.get(I16, index * 2);
      case I8 -> source.get(JAVA_BYTE, index);
      case U8 -> source.get(JAVA_BYTE, index) & 0xff;
      case BOOL -> source.get(JAVA_BYTE, index) == 0 ? 0 : 1;
    };
  }

  private static long elements(DType from, MemorySegment source, DType to, MemorySegment target) {
    long n = source.byteSize() / from.bytes();
    if (source.byteSize() != n * from.bytes() || target.byteSize() != n * to.bytes()) {
      throw new IllegalArgumentException(
          "%d bytes of %s do not fill %d bytes of %s."
              .formatted(source.byteSize(), from, target.byteSize(), to));
    }
    return n;
  }
}
