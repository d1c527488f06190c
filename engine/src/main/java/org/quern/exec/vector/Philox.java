package org.quern.exec.vector;

/**
 * Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2,
 * 3"): random numbers by index, so that any worker can make any of them.
 */
final class Philox {
  private static final long MULTIPLIER_0 = 0xD2511F53L;
  private static final long MULTIPLIER_1 = 0xCD9E8D57L;
  private static final int WEYL_0 = 0x9E3779B9;
  private static final int WEYL_1 = 0xBB67AE85;
  private static final long LOW = 0xFFFFFFFFL;
  private static final int ROUNDS = 10;
  private static final float UNIT = 0x1p-24f;

  private Philox() {}

  /** Writes the four words that a counter and a key give. */
  static void words(long to, int c0, int c1, int c2, int c3, int k0, int k1) {
    for (int round = 0; round < ROUNDS; round++) {
      long product0 = (c0 & LOW) * MULTIPLIER_0;
      long product1 = (c2 & LOW) * MULTIPLIER_1;
      c0 = (int) (product1 >>> 32) ^ c1 ^ k0;
      c2 = (int) (product0 >>> 32) ^ c3 ^ k1;
      c1 = (int) product1;
      c3 = (int) product0;
      k0 += WEYL_0;
      k1 += WEYL_1;
    }
    Memory.setInt(to, c0);
    Memory.setInt(to + 4, c1);
    Memory.setInt(to + 8, c2);
    Memory.setInt(to + 12, c3);
  }

  /**
   * Writes random(stream, index) for consecutive indices, in [0, 1).
   *
   * @param to room for {@code count} floats and up to three more on either side
   * @param step address of the {@code quern_step} that holds seed and sequence
   */
  static void uniform(long to, long step, int stream, long index, long count) {
    long seed = Memory.getLong(step + Fields.STEP_SEED);
    int sequence = (int) Memory.getLong(step + Fields.STEP_SEQUENCE);
    long at = to - 4 * (index & 3);
    long end = to + 4 * count;
    for (long group = index >>> 2; at < end; group++) {
      words(
          at, (int) group, (int) (group >>> 32), stream, sequence, (int) seed, (int) (seed >>> 32));
      for (long word = at; word < at + 16; word += 4) {
        Memory.setFloat(word, (Memory.getInt(word) >>> 8) * UNIT);
      }
      at += 16;
    }
  }
}
