package org.quern.text;

/**
 * Goes through JSON that is written plainly: white space, punctuation, whole numbers, and strings
 * of {@linkplain ByteLetters letters for bytes}. Whatever else there is it does not read, which
 * says nothing about whether it is right.
 */
final class LetterScanner {
  /** Longer ones are left to whoever refuses them. */
  private static final int LONGEST_STRING = 8_192;

  private static final int MOST_DIGITS = 8;
  private static final int NONE = -1;

  private final byte[] json;
  private final int[] byteOf = ByteLetters.bytes();
  private final byte[] text = new byte[LONGEST_STRING];
  private int at;
  private int length;
  private int gap;

  LetterScanner(byte[] json) {
    this.json = json;
  }

  /** Where it stands, in bytes. */
  int position() {
    return at;
  }

  /** Goes on from another place. */
  void moveTo(int position) {
    at = position;
  }

  /** Whether, after white space, this character comes next; if so it is passed. */
  boolean pass(char wanted) {
    if (peek() != wanted) {
      return false;
    }
    at++;
    return true;
  }

  /** The next byte that is no white space, which is not passed; 0 at the end. */
  int peek() {
    while (at < json.length) {
      byte next = json[at];
      if (next != ' ' && next != '\n' && next != '\r' && next != '\t') {
        return next;
      }
      at++;
    }
    return 0;
  }

  /** Passes a whole number without a sign; −1 if there is none, or one that is too long. */
  int number() {
    peek();
    int start = at;
    int value = 0;
    while (at < json.length && json[at] >= '0' && json[at] <= '9' && at - start <= MOST_DIGITS) {
      value = value * 10 + (json[at] - '0');
      at++;
    }
    int digits = at - start;
    boolean plain = digits == 1 || digits <= MOST_DIGITS && digits > 1 && json[start] != '0';
    return plain ? value : -1;
  }

  /** Passes a string of whatever; whether it ends. */
  boolean skipString() {
    at++;
    while (at < json.length && json[at] != '"') {
      at += json[at] == '\\' ? 2 : 1;
    }
    at++;
    return at <= json.length;
  }

  /**
   * Passes a string of letters, whose bytes then are the first {@link #length} of {@link #text}.
   *
   * @return whether there was one, of at least one letter
   */
  boolean string() {
    length = 0;
    return moreText() && length > 0;
  }

  /**
   * Passes two strings of letters with a space between, or two strings in brackets, whose bytes
   * then are the first {@link #length} of {@link #text}, the second's from {@link #gap} on.
   *
   * @return whether there were two, of at least one letter each
   */
  boolean pair() {
    length = 0;
    gap = NONE;
    boolean passed;
    if (pass('[')) {
      passed = moreText();
      gap = length;
      passed = passed && pass(',') && moreText() && pass(']');
    } else {
      passed = moreText(' ');
    }
    return passed && gap > 0 && gap < length;
  }

  byte[] text() {
    return text;
  }

  int length() {
    return length;
  }

  int gap() {
    return gap;
  }

  private boolean moreText() {
    return moreText('"');
  }

  /** Up to the closing quote; the one separator that may come before it becomes the gap. */
  private boolean moreText(char separator) {
    if (!pass('"')) {
      return false;
    }
    while (at < json.length && length < LONGEST_STRING) {
      byte next = json[at];
      if (next == '"') {
        at++;
        return true;
      }
      if (next == separator && gap == NONE) {
        gap = length;
        at++;
      } else if (!letter(next)) {
        return false;
      }
    }
    return false;
  }

  private boolean letter(byte first) {
    int letter;
    if (first == '\\') {
      letter = escaped();
    } else if (first >= 0) {
      letter = first;
      at++;
    } else {
      letter = ofTwoBytes(first);
    }
    int value = letter < 0 || letter >= byteOf.length ? -1 : byteOf[letter];
    if (value < 0) {
      return false;
    }
    text[length] = (byte) value;
    length++;
    return true;
  }

  /** U+0080 to U+07FF in UTF-8; −1 for all else. */
  private int ofTwoBytes(byte first) {
    if (first < (byte) 0xC2 || first > (byte) 0xDF || at + 1 >= json.length) {
      return -1;
    }
    byte second = json[at + 1];
    at += 2;
    return (second & 0xC0) == 0x80 ? (first & 0x1F) << 6 | second & 0x3F : -1;
  }

  private int escaped() {
    if (at + 1 >= json.length) {
      return -1;
    }
    byte kind = json[at + 1];
    at += 2;
    return switch (kind) {
      case '"', '\\', '/' -> kind;
      case 'u' -> ofFourDigits();
      default -> -1;
    };
  }

  private int ofFourDigits() {
    if (at + 4 > json.length) {
      return -1;
    }
    int value = 0;
    for (int end = at + 4; at < end; at++) {
      int digit = Character.digit(json[at], 16);
      if (digit < 0) {
        return -1;
      }
      value = value << 4 | digit;
    }
    return value;
  }
}
