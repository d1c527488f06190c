package org.quern.train;

/** A training that stopped at a NaN or an infinity. The parameters are those of the step before. */
public final class NonfiniteException extends TrainingException {
  private static final long serialVersionUID = 1L;

  private final long step;
  private final String operation;

  /**
   * An exception.
   *
   * @param step the step that gave it, from 1
   * @param operation the first operation or parameter whose values are not finite
   */
  NonfiniteException(long step, String operation) {
    super(
        "Step "
            + step
            + " gave a number that is not finite, first in "
            + operation
            + "; the parameters are still those of step "
            + (step - 1)
            + ", so lower the learning rate or clip the gradients and go on from there.");
    this.step = step;
    this.operation = operation;
  }

  /** The step, from 1. */
  public long step() {
    return step;
  }

  /** The first operation, with what it made, or parameter whose values are not finite. */
  public String operation() {
    return operation;
  }
}
