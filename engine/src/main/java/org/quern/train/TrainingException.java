package org.quern.train;

/** A training that cannot begin, go on or be resumed. */
public class TrainingException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** An exception whose message says what is wrong, where, and what to do. */
  public TrainingException(String message) {
    super(message);
  }

  /** An exception with its cause. */
  public TrainingException(String message, Throwable cause) {
    super(message, cause);
  }
}
