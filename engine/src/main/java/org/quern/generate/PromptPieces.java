package org.quern.generate;

/**
 * How a prompt is cut up: there are programs for pieces of a few sizes, and one may have fewer
 * tokens than its size, at the end of a prompt.
 */
final class PromptPieces {
  /** The sizes, falling, in tokens of each sequence. */
  static final int[] SIZES = {512, 256, 64, 16, 4, 1};

  /** Rows more that a product could have for what it costs at the least: reading weights. */
  private static final int OVERHEAD = 8;

  /** Rows of all sequences together from which on more gain nothing, and only take memory. */
  private static final int MOST_ROWS = 512;

  private static final int NEVER = Integer.MAX_VALUE;

  private PromptPieces() {}

  /**
   * The next piece, as an index into the sizes: the largest that the tokens fill, or the next
   * larger one where that costs less than cutting them up.
   *
   * @param tokens what is left of the prompt, at least one
   * @param room the tokens that there is room for
   * @param batch how many sequences are read side by side
   */
  static int next(int tokens, int room, int batch) {
    int filled = filled(tokens, batch);
    int partly = partlyFilled(tokens, room, batch);
    return partly < NEVER && partly < cutUp(tokens, room, batch) ? filled - 1 : filled;
  }

  private static boolean isUsed(int size, int batch) {
    return size == 1 || (long) size * batch <= MOST_ROWS;
  }

  /** The largest size that is used and that the tokens fill. */
  private static int filled(int tokens, int batch) {
    int index = 0;
    while (SIZES[index] > tokens || !isUsed(SIZES[index], batch)) {
      index++;
    }
    return index;
  }

  /** What reading the tokens costs, in rows. */
  private static int cost(int tokens, int room, int batch) {
    return Math.min(partlyFilled(tokens, room, batch), cutUp(tokens, room, batch));
  }

  /** The same if the next piece is one that they fill. */
  private static int cutUp(int tokens, int room, int batch) {
    int size = SIZES[filled(tokens, batch)];
    int left = tokens - size;
    return size * batch + OVERHEAD + (left == 0 ? 0 : cost(left, room - size, batch));
  }

  /** The same if they go into one that they do not fill; NEVER where none can be used. */
  private static int partlyFilled(int tokens, int room, int batch) {
    int larger = filled(tokens, batch) - 1;
    boolean fits = larger >= 0 && SIZES[larger] <= room && isUsed(SIZES[larger], batch);
    return fits ? SIZES[larger] * batch + OVERHEAD : NEVER;
  }
}
