package org.quern.model;

/** A model that cannot be built: sizes that contradict each other, or a feature that is missing. */
public final class ModelException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** An exception whose message says what does not fit and what would. */
  public ModelException(String message) {
    super(message);
  }
}
