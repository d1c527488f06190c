package org.quern.text;

import java.util.Arrays;
import java.util.List;

/** Finds added tokens in a text, the leftmost first, the longest where two begin together. */
final class AddedTokenFinder {
  private static final int NOWHERE = Integer.MAX_VALUE;

  private final List<AddedToken> tokens;
  private final String text;
  private final int[] nextStart;
  private int found = -1;

  AddedTokenFinder(List<AddedToken> tokens, String text) {
    this.tokens = tokens;
    this.text = text;
    nextStart = new int[tokens.size()];
    Arrays.fill(nextStart, -1);
  }

  /** Whether there is one at or after {@code from}; {@code from} never goes back. */
  boolean next(int from) {
    found = -1;
    for (int i = 0; i < nextStart.length; i++) {
      if (nextStart[i] < from) {
        int at = text.indexOf(tokens.get(i).content(), from);
        nextStart[i] = at < 0 ? NOWHERE : at;
      }
      if (nextStart[i] != NOWHERE && (found < 0 || precedes(i, found))) {
        found = i;
      }
    }
    return found >= 0;
  }

  private boolean precedes(int a, int b) {
    return nextStart[a] != nextStart[b]
        ? nextStart[a] < nextStart[b]
        : tokens.get(a).content().length() > tokens.get(b).content().length();
  }

  AddedToken token() {
    return tokens.get(found);
  }

  int start() {
    return nextStart[found];
  }

  int end() {
    return start() + token().content().length();
  }
}
