package org.quern.generate;

/**
 * How a prompt is cut up: there are programs for pieces of a few sizes, and one may have fewer
 * tokens than its size, at the end of a prompt.
 */
final class PromptPieces {
  /** The sizes, falling, in tokens of each sequence. */
  static final int[] SIZES = {512, 256, 64, 16, 4, 1};

  /** Tokens more that a piece could have for what it costs whatever its size: reading weights. */
  private static final int OVERHEAD = 8;

  private PromptPieces() {}

  /**
   * The next piece, as an index into the sizes: the largest that the tokens fill, or the next
   * larger one where that costs less than cutting them up.
   *
   * @param tokens what is left of the prompt, at least one
   * @param room the largest piece that can be used
   */
  static int next(int tokens, int room) {
    int filled = filled(tokens);
    boolean partly = filled > 0 && partlyFilled(tokens, room) < cutUp(tokens, room);
    return partly ? filled - 1 : filled;
  }

  /** The largest size that the tokens fill. */
  private static int filled(int tokens) {
    int index = 0;
    while (SIZES[index] > tokens) {
      index++;
    }
    return index;
  }

  /** What reading the tokens costs, in tokens of a large piece. */
  private static int cost(int tokens, int room) {
    return Math.min(partlyFilled(tokens, room), cutUp(tokens, room));
  }

  /** The same if the next piece is one that they fill. */
  private static int cutUp(int tokens, int room) {
    int size = SIZES[filled(tokens)];
    int left = tokens - size;
    return size + OVERHEAD + (left == 0 ? 0 : cost(left, room - size));
  }

  /**
   * The same if they go into one that they do not fill; the largest number where none can be used.
   */
  private static int partlyFilled(int tokens, int room) {
    int larger = filled(tokens) - 1;
    return larger >= 0 && SIZES[larger] <= room ? SIZES[larger] + OVERHEAD : Integer.MAX_VALUE;
  }
}
