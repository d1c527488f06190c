package org.quern.data;

/**
 * Shuffling without a list: a Feistel network of six rounds permutes the least square of a power of
 * two that holds {@code n}, and is applied again while it leaves {@code 0 … n − 1} (cycle walking:
 * Black and Rogaway 2002). Four steps at most on average.
 */
final class Permutation {
  private static final int ROUNDS = 6;

  private Permutation() {}

  /** Where the key's permutation of {@code 0 … n − 1} takes {@code i}. */
  static long of(long i, long n, long key) {
    int bits = Math.max(1, (65 - Long.numberOfLeadingZeros(n - 1)) / 2);
    long mask = (1L << bits) - 1;
    long value = i;
    do {
      long left = value >>> bits;
      long right = value & mask;
      for (int round = 0; round < ROUNDS; round++) {
        long next = left ^ mix(key + right * 0xD1B54A32D192ED03L + round) & mask;
        left = right;
        right = next;
      }
      value = left << bits | right;
    } while (value >= n);
    return value;
  }

  /** A number below {@code n}, from 64 random bits: Lemire's multiplication, without rejection. */
  static long below(long n, long random) {
    return Math.unsignedMultiplyHigh(random, n);
  }

  /** Stafford's thirteenth mixing function, as in SplitMix64 (Steele et al. 2014). */
  static long mix(long value) {
    long z = (value ^ value >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }
}
