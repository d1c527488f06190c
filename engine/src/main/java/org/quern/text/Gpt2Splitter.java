package org.quern.text;

/**
 * Cuts a text into the words of GPT-2, inside which byte pairs are merged: {@code
 * 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+} (Radford et al.
 * 2019), written out by hand: several times as fast as a regular expression, and without its
 * recursion.
 */
final class Gpt2Splitter {
  private enum Kind {
    LETTER,
    NUMBER,
    SPACE,
    OTHER
  }

  private Gpt2Splitter() {}

  /** The end of the word that begins at {@code start < text.length()}. */
  static int wordEnd(CharSequence text, int start) {
    int length = text.length();
    int first = Character.codePointAt(text, start);
    if (first == '\'') {
      int contraction = contractionEnd(text, start);
      if (contraction > start) {
        return contraction;
      }
    }
    int next = start + Character.charCount(first);
    Kind kind = kind(first);
    if (kind != Kind.SPACE) {
      return runEnd(text, next, kind);
    }
    if (first == ' ' && next < length) {
      int second = Character.codePointAt(text, next);
      Kind following = kind(second);
      if (following != Kind.SPACE) {
        return runEnd(text, next + Character.charCount(second), following);
      }
    }
    int end = runEnd(text, next, Kind.SPACE);
    // \s+(?!\S) gives the last space of a run back to the word that follows.
    return end == length || end == next ? end : end - 1;
  }

  /** Whether the character is one that regular expressions call {@code \s} (White_Space). */
  static boolean isSpace(int codePoint) {
    return codePoint == ' '
        || codePoint >= 0x09 && codePoint <= 0x0D
        || codePoint >= 0x85
            && (codePoint == 0x85
                || codePoint == 0xA0
                || codePoint == 0x1680
                || codePoint >= 0x2000 && codePoint <= 0x200A
                || codePoint == 0x2028
                || codePoint == 0x2029
                || codePoint == 0x202F
                || codePoint == 0x205F
                || codePoint == 0x3000);
  }

  private static int runEnd(CharSequence text, int from, Kind kind) {
    int i = from;
    while (i < text.length()) {
      int codePoint = Character.codePointAt(text, i);
      if (kind(codePoint) != kind) {
        return i;
      }
      i += Character.charCount(codePoint);
    }
    return i;
  }

  private static int contractionEnd(CharSequence text, int quote) {
    int left = text.length() - quote - 1;
    if (left < 1) {
      return -1;
    }
    char a = text.charAt(quote + 1);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') {
      return quote + 2;
    }
    if (left < 2) {
      return -1;
    }
    char b = text.charAt(quote + 2);
    boolean two = a == 'r' && b == 'e' || a == 'v' && b == 'e' || a == 'l' && b == 'l';
    return two ? quote + 3 : -1;
  }

  private static Kind kind(int codePoint) {
    if (codePoint < 0x80) {
      if (codePoint >= 'a' && codePoint <= 'z' || codePoint >= 'A' && codePoint <= 'Z') {
        return Kind.LETTER;
      }
      if (codePoint >= '0' && codePoint <= '9') {
        return Kind.NUMBER;
      }
      return isSpace(codePoint) ? Kind.SPACE : Kind.OTHER;
    }
    return switch (Character.getType(codePoint)) {
      case Character.UPPERCASE_LETTER,
          Character.LOWERCASE_LETTER,
          Character.TITLECASE_LETTER,
          Character.MODIFIER_LETTER,
          Character.OTHER_LETTER ->
          Kind.LETTER;
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER ->
          Kind.NUMBER;
      default -> isSpace(codePoint) ? Kind.SPACE : Kind.OTHER;
    };
  }
}
