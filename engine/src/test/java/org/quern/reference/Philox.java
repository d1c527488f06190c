package org.quern.reference;

/** Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011, section 3.3). */
final class Philox {
  private static final long MULTIPLIER_0 = 0xD2511F53L;
  private static final long MULTIPLIER_1 = 0xCD9E8D57L;
  private static final int WEYL_0 = 0x9E3779B9;
  private static final int WEYL_1 = 0xBB67AE85;
  private static final int ROUNDS = 10;

  private Philox() {}

  /** The four words of a counter of four words under a key of two. */
  static int[] words(int[] counter, int key0, int key1) {
    int[] words = counter.clone();
    for (int round = 0; round < ROUNDS; round++) {
      long product0 = MULTIPLIER_0 * Integer.toUnsignedLong(words[0]);
      long product1 = MULTIPLIER_1 * Integer.toUnsignedLong(words[2]);
      words =
          new int[] {
            (int) (product1 >>> 32) ^ words[1] ^ (key0 + round * WEYL_0),
            (int) product1,
            (int) (product0 >>> 32) ^ words[3] ^ (key1 + round * WEYL_1),
            (int) product0,
          };
    }
    return words;
  }
}
