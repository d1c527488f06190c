package org.quern.text;

import java.util.Arrays;
import java.util.Optional;

/**
 * GPT-2's letter for each byte, by which byte-level vocabularies are written down: printable
 * Latin-1 stands for itself, the other 68 bytes, in order, for U+0100 and what follows.
 */
final class ByteLetters {
  private static final int LETTERS = 0x100 + 68;

  private ByteLetters() {}

  /** The letter of each byte, by the byte's unsigned value. */
  static char[] letters() {
    char[] letters = new char[256];
    char next = 0x100;
    for (int b = 0; b < 256; b++) {
      boolean printable = b >= '!' && b <= '~' || b >= 0xA1 && b != 0xAD;
      letters[b] = printable ? (char) b : next++;
    }
    return letters;
  }

  /** The byte of each letter below U+0144, −1 where there is none. */
  static int[] bytes() {
    int[] bytes = new int[LETTERS];
    Arrays.fill(bytes, -1);
    char[] letters = letters();
    for (int b = 0; b < 256; b++) {
      bytes[letters[b]] = b;
    }
    return bytes;
  }

  /** Bytes in letters. */
  static String write(byte[] bytes, char[] letters) {
    char[] out = new char[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      out[i] = letters[bytes[i] & 0xFF];
    }
    return new String(out);
  }

  /** Letters back in bytes; empty where one of them is no byte's letter, or there are none. */
  static Optional<byte[]> read(String letters, int[] byteOf) {
    byte[] out = new byte[letters.length()];
    for (int i = 0; i < out.length; i++) {
      char c = letters.charAt(i);
      if (c >= LETTERS || byteOf[c] < 0) {
        return Optional.empty();
      }
      out[i] = (byte) byteOf[c];
    }
    return out.length == 0 ? Optional.empty() : Optional.of(out);
  }
}
