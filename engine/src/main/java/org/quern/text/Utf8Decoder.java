package org.quern.text;

/**
 * UTF-8 to text, a byte at a time. Each maximal ill-formed sequence becomes one U+FFFD (Unicode 16,
 * section 3.9, table 3-8), as in Rust's {@code from_utf8_lossy}, which Hugging Face's library uses.
 */
final class Utf8Decoder {
  private static final char REPLACEMENT = '\uFFFD';

  private int codePoint;
  private int missing;
  private int lowest = 0x80;
  private int highest = 0xBF;

  /** Appends what the byte completes: nothing, a character, or U+FFFD (and perhaps both). */
  void push(byte value, StringBuilder out) {
    int b = value & 0xFF;
    if (missing > 0) {
      if (b >= lowest && b <= highest) {
        codePoint = codePoint << 6 | b & 0x3F;
        lowest = 0x80;
        highest = 0xBF;
        if (--missing == 0) {
          out.appendCodePoint(codePoint);
        }
        return;
      }
      finish(out);
    }
    if (b < 0x80) {
      out.append((char) b);
    } else if (b >= 0xC2 && b <= 0xDF) {
      begin(b & 0x1F, 1, 0x80, 0xBF);
    } else if (b >= 0xE0 && b <= 0xEF) {
      begin(b & 0x0F, 2, b == 0xE0 ? 0xA0 : 0x80, b == 0xED ? 0x9F : 0xBF);
    } else if (b >= 0xF0 && b <= 0xF4) {
      begin(b & 0x07, 3, b == 0xF0 ? 0x90 : 0x80, b == 0xF4 ? 0x8F : 0xBF);
    } else {
      out.append(REPLACEMENT);
    }
  }

  void push(byte[] values, StringBuilder out) {
    for (byte value : values) {
      push(value, out);
    }
  }

  /** Ends the text: a character that was begun becomes U+FFFD. */
  void finish(StringBuilder out) {
    if (missing > 0) {
      missing = 0;
      lowest = 0x80;
      highest = 0xBF;
      out.append(REPLACEMENT);
    }
  }

  private void begin(int bits, int following, int least, int most) {
    codePoint = bits;
    missing = following;
    lowest = least;
    highest = most;
  }
}
