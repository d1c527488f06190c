package org.quern.format;

/** A file that cannot be read or written. The message is one sentence: file, part, what, remedy. */
public final class FormatException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** An exception with a message that says which file, what is wrong and what to do. */
  public FormatException(String message) {
    super(message);
  }

  /** An exception with such a message and the failure that led to it. */
  public FormatException(String message, Throwable cause) {
    super(message, cause);
  }
}
