package org.quern.memory;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;

class Int8Test {
  private record Rounded(byte[] integers, float[] scales) {}

  private static Rounded rounded(int columns, int group, float... values) {
    int groups = (columns + group - 1) / group;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment from = arena.allocateFrom(JAVA_FLOAT, values);
      MemorySegment to = arena.allocate(values.length);
      MemorySegment scales = arena.allocate(JAVA_FLOAT, (long) values.length / columns * groups);
      Int8.round(from, columns, group, to, scales);
      return new Rounded(to.toArray(JAVA_BYTE), scales.toArray(JAVA_FLOAT));
    }
  }

  @Test
  void theLargestOfAGroupIs127() {
    Rounded rounded = rounded(3, 2, 254, -127, 0.5f, -3, 1, -8);
    assertThat(rounded.integers()).containsExactly(127, -64, 127, -127, 42, -127);
    assertThat(rounded.scales()).containsExactly(2, 0.5f / 127, 3f / 127, 8f / 127);
  }

  @Test
  void tiesGoToTheEvenOne() {
    Rounded rounded = rounded(6, 32, 127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f);
    assertThat(rounded.integers()).containsExactly(127, 0, 2, 2, 0, -2);
    assertThat(rounded.scales()).containsExactly(1);
  }

  @Test
  void noNumberIsFurtherOffThanHalfAStep() {
    Random random = new Random(3);
    int columns = 300;
    int group = 64;
    float[] values = new float[7 * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    Rounded rounded = rounded(columns, group, values);
    for (int i = 0; i < values.length; i++) {
      float scale = rounded.scales()[i / columns * 5 + i % columns / group];
      double error = Math.abs(values[i] - (double) rounded.integers()[i] * scale);
      assertThat(error).isLessThanOrEqualTo(0.5001 * scale);
    }
  }

  @Test
  void zerosStayZeroAndWhatIsNotFiniteShows() {
    Rounded rounded =
        rounded(2, 2, 0, -0f, 1e-38f, 1e-44f, Float.NaN, 1, Float.NEGATIVE_INFINITY, 2);
    assertThat(rounded.integers()).containsOnly(0);
    assertThat(rounded.scales()).containsExactly(0, 0, Float.NaN, Float.NaN);
  }

  @Test
  void theLargestFloatIsRounded() {
    Rounded rounded = rounded(2, 2, Float.MAX_VALUE, -Float.MAX_VALUE / 127);
    assertThat(rounded.integers()).containsExactly(127, -1);
    assertThat(rounded.scales()).containsExactly(Float.MAX_VALUE / 127);
  }

  @Test
  void sizesThatDoNotFitAreRefused() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment floats = arena.allocate(JAVA_FLOAT, 6);
      MemorySegment integers = arena.allocate(6);
      MemorySegment scales = arena.allocate(JAVA_FLOAT, 4);
      Int8.round(floats, 3, 2, integers, scales);
      for (long[] wrong : new long[][] {{4, 2}, {3, 1}, {3, 3}, {0, 2}, {3, 0}}) {
        assertThatThrownBy(() -> Int8.round(floats, wrong[0], wrong[1], integers, scales))
            .isInstanceOf(MemoryException.class)
            .hasMessageContaining("do not fit");
      }
    }
  }
}
