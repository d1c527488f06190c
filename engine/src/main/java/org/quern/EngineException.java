package org.quern;

/** An engine that cannot be opened as asked, or is used after it was closed. */
public final class EngineException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** An exception whose message says what was asked for, why it cannot be had and what to do. */
  public EngineException(String message) {
    super(message);
  }
}
