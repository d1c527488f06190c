package org.quern.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.quern.ir.DType;

class ConversionsTest {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int ALL = 1 << 16;

  private static MemorySegment bytes(long count) {
    return MemorySegment.ofArray(new byte[(int) count]);
  }

  private static MemorySegment all16Bits() {
    MemorySegment source = bytes(ALL * 2L);
    for (int i = 0; i < ALL; i++) {
      source.set(SHORT, i * 2L, (short) i);
    }
    return source;
  }

  /** The value of binary16 bits by IEEE 754-2019, §3.4. */
  private static double f16(int bits) {
    double sign = (bits & 0x8000) == 0 ? 1 : -1;
    int exponent = bits >> 10 & 31;
    int fraction = bits & 0x3ff;
    return switch (exponent) {
      case 0 -> sign * fraction * Math.scalb(1.0, -24);
      case 31 -> fraction == 0 ? sign * Double.POSITIVE_INFINITY : Double.NaN;
      default -> sign * (1024 + fraction) * Math.scalb(1.0, exponent - 25);
    };
  }

  @Test
  void everyF16BecomesItsValueAndComesBack() {
    MemorySegment source = all16Bits();
    MemorySegment floats = bytes(ALL * 4L);
    Conversions.toF32(DType.F16, source, floats);
    MemorySegment back = bytes(ALL * 2L);
    Conversions.fromF32(DType.F16, floats, back);
    List<Integer> wrong = new ArrayList<>();
    for (int i = 0; i < ALL; i++) {
      double expected = f16(i);
      short again = back.get(SHORT, i * 2L);
      boolean same =
          Double.compare(floats.get(FLOAT, i * 4L), expected) == 0
              && Double.compare(Conversions.element(DType.F16, source, i), expected) == 0
              && (Double.isNaN(expected) ? Double.isNaN(f16(again & 0xffff)) : again == (short) i);
      if (!same) {
        wrong.add(i);
      }
    }
    assertThat(wrong).isEmpty();
  }

  @Test
  void everyBf16BecomesTheUpperHalfOfAFloatAndComesBack() {
    MemorySegment source = all16Bits();
    MemorySegment floats = bytes(ALL * 4L);
    Conversions.toF32(DType.BF16, source, floats);
    MemorySegment back = bytes(ALL * 2L);
    Conversions.fromF32(DType.BF16, floats, back);
    List<Integer> wrong = new ArrayList<>();
    for (int i = 0; i < ALL; i++) {
      float expected = Float.intBitsToFloat(i << 16);
      int quiet = Float.isNaN(expected) ? i | 0x0040 : i;
      boolean same =
          floats.get(INT, i * 4L) == i << 16
              && Double.compare(Conversions.element(DType.BF16, source, i), expected) == 0
              && back.get(SHORT, i * 2L) == (short) quiet;
      if (!same) {
        wrong.add(i);
      }
    }
    assertThat(wrong).isEmpty();
  }

  /** Whether of all 16-bit values this is the nearest, and of two equally near the even one. */
  private static boolean isNearest(DType dtype, float x, short rounded) {
    double below = Math.abs(value(dtype, rounded - 1) - x);
    double above = Math.abs(value(dtype, rounded + 1) - x);
    double error = Math.abs(value(dtype, rounded) - x);
    boolean tie = error == below || error == above;
    return error <= below && error <= above && (!tie || (rounded & 1) == 0);
  }

  private static double value(DType dtype, int bits) {
    return dtype == DType.F16 ? f16(bits & 0xffff) : Float.intBitsToFloat(bits << 16);
  }

  @Test
  void roundsToNearestAndTiesToEven() {
    for (DType dtype : new DType[] {DType.F16, DType.BF16}) {
      Random random = new Random(7);
      int count = 200_000;
      MemorySegment floats = bytes(count * 4L);
      for (int i = 0; i < count; i++) {
        // Positive, normal, within F16; every third value lies exactly between two neighbours.
        int exponent = 127 - 13 + random.nextInt(27);
        int fraction = random.nextInt(1 << 23);
        if (i % 3 == 0) {
          int dropped = dtype == DType.F16 ? 13 : 16;
          fraction = fraction >> dropped << dropped | 1 << dropped - 1;
        }
        floats.set(INT, i * 4L, exponent << 23 | fraction);
      }
      List<Float> wrong = new ArrayList<>();
      MemorySegment rounded = bytes(count * 2L);
      Conversions.fromF32(dtype, floats, rounded);
      for (int i = 0; i < count; i++) {
        float x = floats.get(FLOAT, i * 4L);
        if (!isNearest(dtype, x, rounded.get(SHORT, i * 2L))) {
          wrong.add(x);
        }
      }
      assertThat(wrong).as(dtype.name()).isEmpty();
    }
  }

  @Test
  void edgesOfRounding() {
    assertThat(from(DType.BF16, 0x3f808000)).isEqualTo((short) 0x3f80);
    assertThat(from(DType.BF16, 0x3f818000)).isEqualTo((short) 0x3f82);
    assertThat(from(DType.BF16, 0x3f808001)).isEqualTo((short) 0x3f81);
    assertThat(from(DType.BF16, 0x7f7fffff)).as("largest float").isEqualTo((short) 0x7f80);
    assertThat(from(DType.BF16, 0x00000001)).as("least subnormal").isEqualTo((short) 0);
    assertThat(from(DType.BF16, 0x80000000)).as("minus zero").isEqualTo((short) 0x8000);
    assertThat(from(DType.BF16, 0x7f800001)).as("NaN of low bits").isEqualTo((short) 0x7fc0);
    assertThat(from(DType.BF16, 0xffffffff)).as("NaN of all bits").isEqualTo((short) 0xffff);
    assertThat(from(DType.F16, Float.floatToRawIntBits(65519f))).isEqualTo((short) 0x7bff);
    assertThat(from(DType.F16, Float.floatToRawIntBits(65520f))).isEqualTo((short) 0x7c00);
    assertThat(from(DType.F16, Float.floatToRawIntBits(-1e30f))).isEqualTo((short) 0xfc00);
    assertThat(from(DType.F16, Float.floatToRawIntBits(0x1p-25f))).as("tie").isEqualTo((short) 0);
    assertThat(from(DType.F16, Float.floatToRawIntBits(0x1.8p-24f))).isEqualTo((short) 2);
  }

  private static short from(DType dtype, int floatBits) {
    MemorySegment source = bytes(4);
    source.set(INT, 0, floatBits);
    MemorySegment target = bytes(2);
    Conversions.fromF32(dtype, source, target);
    return target.get(SHORT, 0);
  }

  @Test
  void otherTypesConvertElementByElement() {
    double[] values = {0, 1, 2, 100, 127};
    for (DType dtype : DType.values()) {
      MemorySegment source = bytes((long) values.length * dtype.bytes());
      for (int i = 0; i < values.length; i++) {
        switch (dtype) {
          case F64 -> source.set(DOUBLE, i * 8L, values[i]);
          case F32 -> source.set(FLOAT, i * 4L, (float) values[i]);
          case F16 -> source.set(SHORT, i * 2L, Float.floatToFloat16((float) values[i]));
          case BF16 ->
              source.set(SHORT, i * 2L, (short) (Float.floatToIntBits((float) values[i]) >>> 16));
          case I64 -> source.set(LONG, i * 8L, (long) values[i]);
          case I32 -> source.set(INT, i * 4L, (int) values[i]);
          case I16 -> source.set(SHORT, i * 2L, (short) values[i]);
          case I8, U8, BOOL -> source.set(ValueLayout.JAVA_BYTE, i, (byte) values[i]);
        }
      }
      MemorySegment floats = bytes(values.length * 4L);
      Conversions.toF32(dtype, source, floats);
      for (int i = 0; i < values.length; i++) {
        double expected = dtype == DType.BOOL ? Math.min(values[i], 1) : values[i];
        assertThat((double) floats.get(FLOAT, i * 4L)).as("%s %d", dtype, i).isEqualTo(expected);
        assertThat(Conversions.element(dtype, source, i)).as("%s %d", dtype, i).isEqualTo(expected);
      }
      if (Conversions.isInteger(dtype)) {
        MemorySegment ints = bytes(values.length * 4L);
        assertThat(Conversions.toI32(dtype, source, ints)).isEqualTo(-1);
        assertThat(ints.get(INT, 16)).isEqualTo(dtype == DType.BOOL ? 1 : 127);
      } else {
        assertThatThrownBy(() -> Conversions.toI32(dtype, source, bytes(values.length * 4L)))
            .isInstanceOf(IllegalArgumentException.class);
      }
    }
  }

  @Test
  void signsOfSmallIntegersAreKept() {
    MemorySegment source = bytes(1);
    source.set(ValueLayout.JAVA_BYTE, 0, (byte) 0xff);
    assertThat(Conversions.element(DType.I8, source, 0)).isEqualTo(-1);
    assertThat(Conversions.element(DType.U8, source, 0)).isEqualTo(255);
    MemorySegment target = bytes(4);
    Conversions.toF32(DType.I8, source, target);
    assertThat(target.get(FLOAT, 0)).isEqualTo(-1f);
    Conversions.toF32(DType.U8, source, target);
    assertThat(target.get(FLOAT, 0)).isEqualTo(255f);
    MemorySegment minusTwo = bytes(2);
    minusTwo.set(SHORT, 0, (short) -2);
    Conversions.toF32(DType.I16, minusTwo, target);
    assertThat(target.get(FLOAT, 0)).isEqualTo(-2f);
  }

  @Test
  void longsThatDoNotFitAreFound() {
    MemorySegment source = bytes(32);
    long[] values = {-100, Integer.MAX_VALUE, Integer.MIN_VALUE, Integer.MIN_VALUE - 1L};
    for (int i = 0; i < values.length; i++) {
      source.set(LONG, i * 8L, values[i]);
    }
    MemorySegment target = bytes(16);
    assertThat(Conversions.toI32(DType.I64, source, target)).isEqualTo(3);
    assertThat(target.get(INT, 0)).isEqualTo(-100);
    assertThat(target.get(INT, 8)).isEqualTo(Integer.MIN_VALUE);
  }

  @Test
  void doublesRoundToTheNearestFloatAndFloatsWiden() {
    MemorySegment source = bytes(16);
    source.set(DOUBLE, 0, 1 + 0x1p-24);
    source.set(DOUBLE, 8, 1e300);
    MemorySegment floats = bytes(8);
    Conversions.toF32(DType.F64, source, floats);
    assertThat(floats.get(FLOAT, 0)).isEqualTo(1f);
    assertThat(floats.get(FLOAT, 4)).isEqualTo(Float.POSITIVE_INFINITY);
    Conversions.fromF32(DType.F64, floats, source);
    assertThat(source.get(DOUBLE, 0)).isEqualTo(1.0);
  }

  @Test
  void lengthsThatDoNotFitAreRefused() {
    assertThatThrownBy(() -> Conversions.toF32(DType.F16, bytes(3), bytes(4)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Conversions.toF32(DType.F16, bytes(4), bytes(4)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Conversions.fromF32(DType.I64, bytes(4), bytes(8)))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
