package org.quern.text;

/** What all tokenizers do to a text first. */
final class Texts {
  private Texts() {}

  /** The text with each surrogate that lacks its partner replaced by U+FFFD. */
  static String wellFormed(String text) {
    int length = text.length();
    int i = 0;
    while (i < length) {
      char c = text.charAt(i);
      if (Character.isSurrogate(c)) {
        if (!isPair(text, i)) {
          return repaired(text, i);
        }
        i++;
      }
      i++;
    }
    return text;
  }

  private static String repaired(String text, int from) {
    StringBuilder out = new StringBuilder(text.length()).append(text, 0, from);
    int i = from;
    while (i < text.length()) {
      char c = text.charAt(i);
      if (!Character.isSurrogate(c)) {
        out.append(c);
      } else if (isPair(text, i)) {
        out.append(c).append(text.charAt(++i));
      } else {
        out.append('\uFFFD');
      }
      i++;
    }
    return out.toString();
  }

  private static boolean isPair(String text, int i) {
    return Character.isHighSurrogate(text.charAt(i))
        && i + 1 < text.length()
        && Character.isLowSurrogate(text.charAt(i + 1));
  }

  /** A code point as a message shows it. */
  static String named(int codePoint) {
    String hex = String.format("U+%04X", codePoint);
    return Character.isISOControl(codePoint) || Character.isWhitespace(codePoint)
        ? hex
        : "'" + Character.toString(codePoint) + "' (" + hex + ")";
  }

  /** The id, if a vocabulary of this size has it. */
  static int checkId(int id, int vocabularySize) {
    if (id < 0 || id >= vocabularySize) {
      throw new TokenizerException(
          "Token id "
              + id
              + " is outside the vocabulary of "
              + vocabularySize
              + " tokens; use the tokenizer that the model was trained with.");
    }
    return id;
  }

  /** The end of the text, or just before a surrogate at the end whose partner is yet to come. */
  static int lastCharacterBoundary(String text) {
    int length = text.length();
    if (length == 0) {
      return -1;
    }
    int boundary = Character.isHighSurrogate(text.charAt(length - 1)) ? length - 1 : length;
    return boundary == 0 ? -1 : boundary;
  }
}
