package org.quern.text;

import java.util.List;

/**
 * Ends a stream of text at the first stop word, and holds back what might become one.
 *
 * <p>The stop word that is complete first ends the text; of several complete at the same character,
 * the longest. How the text is cut into pieces makes no difference. Not for several threads.
 */
public final class StopWords {
  private final List<String> words;
  private final StringBuilder held = new StringBuilder();
  private String matched = "";

  /** A matcher for these words; without any it lets everything through. */
  public StopWords(List<String> words) {
    this.words = List.copyOf(words);
    for (String word : words) {
      if (word.isEmpty()) {
        throw new TokenizerException("A stop word is empty; give one with at least a character.");
      }
    }
  }

  /** Takes the next text and returns what is certain not to belong to a stop word. */
  public String push(String text) {
    if (stopped()) {
      return "";
    }
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      held.append(text.charAt(i));
      String word = longestAtEnd();
      if (!word.isEmpty()) {
        matched = word;
        out.append(held, 0, held.length() - word.length());
        held.setLength(0);
        return out.toString();
      }
      int keep = longestBeginning();
      out.append(held, 0, held.length() - keep);
      held.delete(0, held.length() - keep);
    }
    return out.toString();
  }

  /** Whether a stop word has come: the text has ended just before it. */
  public boolean stopped() {
    return !matched.isEmpty();
  }

  /** The stop word that came, {@code ""} before that. */
  public String matched() {
    return matched;
  }

  /** Ends the text, returns what was held back, and leaves the matcher ready for another text. */
  public String finish() {
    String rest = held.toString();
    held.setLength(0);
    matched = "";
    return rest;
  }

  private String longestAtEnd() {
    String longest = "";
    for (String word : words) {
      if (word.length() > longest.length() && endsWith(word, word.length())) {
        longest = word;
      }
    }
    return longest;
  }

  private int longestBeginning() {
    int longest = 0;
    for (String word : words) {
      for (int n = Math.min(word.length() - 1, held.length()); n > longest; n--) {
        if (endsWith(word, n)) {
          longest = n;
        }
      }
    }
    return longest;
  }

  private boolean endsWith(String word, int n) {
    int from = held.length() - n;
    if (from < 0) {
      return false;
    }
    for (int i = 0; i < n; i++) {
      if (held.charAt(from + i) != word.charAt(i)) {
        return false;
      }
    }
    return true;
  }
}
