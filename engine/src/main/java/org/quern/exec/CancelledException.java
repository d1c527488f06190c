package org.quern.exec;

/** A run that ended because it was asked to. Its results are worth nothing. */
public final class CancelledException extends ExecutionException {
  private static final long serialVersionUID = 1L;

  /** An exception with a message that says what was cancelled. */
  public CancelledException(String message) {
    super(message);
  }
}
