package org.quern.exec;

/** A program that could not be run to its end. */
public class ExecutionException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** An exception whose message says what went wrong, where, and what to do. */
  public ExecutionException(String message) {
    super(message);
  }
}
