package org.quern.cases;

import java.util.Random;

/** What a tensor of a case holds: floats, so that reference and backends read the same numbers. */
@FunctionalInterface
public interface Fill {
  /** The next element. */
  float next(Random random, int index);

  /** {@code count} elements; the same for the same seed. */
  default float[] values(int count, long seed) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int index = 0; index < count; index++) {
      values[index] = next(random, index);
    }
    return values;
  }

  /** The same numbers, cut to what BF16 holds. */
  default Fill inBf16() {
    return (random, index) ->
        Float.intBitsToFloat(Float.floatToRawIntBits(next(random, index)) & 0xffff_0000);
  }

  /** Draws from the normal distribution around zero. */
  static Fill normal(double deviation) {
    return (random, index) -> (float) (deviation * random.nextGaussian());
  }

  /** Draws from a range. */
  static Fill uniform(double low, double high) {
    return (random, index) -> (float) (low + (high - low) * random.nextDouble());
  }

  /** Integers from {@code low} to {@code high}, both included: their sums are exact in F32. */
  static Fill integers(int low, int high) {
    return (random, index) -> low + random.nextInt(high - low + 1);
  }

  /** Ids below {@code bound}. */
  static Fill ids(int bound) {
    return integers(0, bound - 1);
  }

  /** These numbers, over and over. */
  static Fill cycle(double... numbers) {
    return (random, index) -> (float) numbers[index % numbers.length];
  }

  /** Plus or minus {@code size}. */
  static Fill signs(double size) {
    return (random, index) -> (float) (random.nextBoolean() ? size : -size);
  }

  /** Numbers between zero and the smallest normal one, of either sign. */
  static Fill denormals() {
    return (random, index) -> (random.nextInt(1 << 24) - (1 << 23)) * 0x1p-149f;
  }

  /** Draws from the normal distribution, but at least {@code gap} away from zero. */
  static Fill awayFromZero(double gap) {
    return (random, index) -> {
      double draw = random.nextGaussian();
      return (float) (draw + Math.copySign(gap, draw));
    };
  }
}
