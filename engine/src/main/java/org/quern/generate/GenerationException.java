package org.quern.generate;

/** Text that cannot be generated as asked. */
public final class GenerationException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** An exception whose message says what was asked for and what is possible. */
  public GenerationException(String message) {
    super(message);
  }
}
