package org.quern.memory;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BFloat16Test {
  private static float[] rounded(float... values) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment from = arena.allocateFrom(JAVA_FLOAT, values);
      MemorySegment to = arena.allocate(JAVA_SHORT, values.length);
      BFloat16.round(from, to);
      float[] read = new float[values.length];
      for (int i = 0; i < read.length; i++) {
        read[i] = Float.intBitsToFloat(to.getAtIndex(JAVA_SHORT, i) << 16);
      }
      return read;
    }
  }

  @Test
  void tiesGoToTheEvenOne() {
    float step = 0x1p-7f;
    assertThat(rounded(1 + step / 2, 1 + 1.5f * step, 1 + 0.51f * step, -1 - 0.49f * step))
        .containsExactly(1, 1 + 2 * step, 1 + step, -1);
  }

  @Test
  void whatIsNoNumberStaysSo() {
    float loudest = Float.intBitsToFloat(0x7f800001);
    assertThat(rounded(Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 0f, -0f))
        .containsExactly(Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 0f, -0f);
    assertThat(rounded(Float.NaN, loudest)).containsExactly(Float.NaN, Float.NaN);
    assertThat(rounded(Float.MAX_VALUE)).containsExactly(Float.POSITIVE_INFINITY);
  }

  @Test
  void aMatrixIsTransposedByParts() {
    int rows = 37;
    int columns = 21;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment from = arena.allocate(JAVA_FLOAT, (long) rows * columns);
      MemorySegment plain = arena.allocate(JAVA_SHORT, (long) rows * columns);
      MemorySegment to = arena.allocate(JAVA_SHORT, (long) rows * columns);
      Random random = new Random(7);
      for (int i = 0; i < rows * columns; i++) {
        from.setAtIndex(JAVA_FLOAT, i, (float) random.nextGaussian());
      }
      BFloat16.round(from, plain);
      long cut = 2L * 18 * rows;
      BFloat16.roundTransposed(from, rows, columns, 0, 18, to.asSlice(0, cut));
      BFloat16.roundTransposed(from, rows, columns, 18, columns, to.asSlice(cut));
      for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
          assertThat(to.getAtIndex(JAVA_SHORT, (long) j * rows + i))
              .isEqualTo(plain.getAtIndex(JAVA_SHORT, (long) i * columns + j));
        }
      }
    }
  }

  @Test
  void nothingIsNearerThanWhatIsGiven() {
    Random random = new Random(5);
    for (int i = 0; i < 1000; i++) {
      float x = (float) Math.scalb(random.nextGaussian(), random.nextInt(60) - 30);
      float y = rounded(x)[0];
      assertThat(Math.abs((double) y - x)).isLessThanOrEqualTo(Math.abs(x) * 0x1p-8);
      assertThat(Float.floatToRawIntBits(y) & 0xffff).isZero();
    }
  }
}
