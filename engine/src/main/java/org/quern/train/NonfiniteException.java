package org.quern.train;

/**
 * A training that stopped at a NaN or an infinity. The parameters are those of the step before,
 * unless the exception {@link #isTorn}.
 */
public final class NonfiniteException extends TrainingException {
  private static final long serialVersionUID = 1L;

  private final long step;
  private final String operation;
  private final boolean torn;

  /**
   * An exception.
   *
   * @param step the step that gave it, from 1
   * @param operation the first operation or parameter whose values are not finite
   * @param torn whether some parameters had been updated by then
   */
  NonfiniteException(long step, String operation, boolean torn) {
    super(
        "Step "
            + step
            + " gave a number that is not finite, first in "
            + operation
            + (torn
                ? "; some parameters are those of this step already and the others are not, so go on"
                    + " from the last checkpoint, and clip the gradients, so that a step is done"
                    + " whole or not at all."
                : "; the parameters are still those of step "
                    + (step - 1)
                    + ", so lower the learning rate or clip the gradients and go on from there."));
    this.step = step;
    this.operation = operation;
    this.torn = torn;
  }

  /** The step, from 1. */
  public long step() {
    return step;
  }

  /** The first operation, with what it made, or parameter whose values are not finite. */
  public String operation() {
    return operation;
  }

  /**
   * Whether the parameters are parts of two steps. That happens only where gradients are folded
   * into the optimizer ({@link TrainingOptions#foldsGradients}), and only with a finite loss whose
   * gradients are not: parameters nearer to the loss have been updated by then.
   */
  public boolean isTorn() {
    return torn;
  }
}
