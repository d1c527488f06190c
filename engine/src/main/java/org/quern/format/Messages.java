package org.quern.format;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Wording shared by the readers and writers. Text that comes from a file is made harmless first.
 */
final class Messages {
  private static final int LONGEST_QUOTE = 120;

  private Messages() {}

  /** {@code text} in quotes, shortened, with control characters and lone surrogates escaped. */
  static String quote(String text) {
    return '"' + plain(text) + '"';
  }

  /** {@code text} shortened to one printable line. */
  static String plain(String text) {
    StringBuilder out = new StringBuilder();
    int shown = Math.min(text.length(), LONGEST_QUOTE);
    for (int i = 0; i < shown; i++) {
      char c = text.charAt(i);
      if (Character.isISOControl(c) || Character.isSurrogate(c) || isInvisible(c)) {
        out.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
      } else {
        out.append(c);
      }
    }
    return shown < text.length() ? out.append('…').toString() : out.toString();
  }

  private static boolean isInvisible(char c) {
    int type = Character.getType(c);
    return type == Character.FORMAT
        || type == Character.LINE_SEPARATOR
        || type == Character.PARAGRAPH_SEPARATOR;
  }

  /** The exception for a file that is not there, is not a regular file, or may not be read. */
  static FormatException unreadable(Path file, IOException cause) {
    String reason =
        switch (cause) {
          case NoSuchFileException _ -> "does not exist; check the path";
          case AccessDeniedException _ -> "may not be read by this user; check its permissions";
          default ->
              "cannot be read (" + plain(describe(cause)) + "); check the disk and try again";
        };
    return new FormatException(file + " " + reason + ".", cause);
  }

  /** Refuses folders, pipes and devices, whose size says nothing and whose opening may block. */
  static void requireRegularFile(Path file) {
    if (!Files.exists(file)) {
      throw unreadable(file, new NoSuchFileException(file.toString()));
    }
    if (!Files.isRegularFile(file)) {
      throw new FormatException(file + " is not a regular file; give the path of a file.");
    }
  }

  static String describe(IOException cause) {
    String message = cause.getMessage();
    return message == null ? cause.getClass().getSimpleName() : message;
  }
}
