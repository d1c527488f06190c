package org.quern.ir;

/** Where a value lives: who owns the memory and for how long. */
public enum Region {
  /** Weights; the model's, shared by all its programs. */
  PARAMETERS,
  /**
   * Weights rounded to BF16, matrices {@code [out, in]}, for programs that only read them; the
   * model's once one asks.
   */
  ROUNDED_PARAMETERS,
  /**
   * Weights rounded to BF16 in the weights' own layout, which the optimizer writes as it updates
   * them; the model's while it is trained.
   */
  BF16_PARAMETERS,
  /** Gradients of the weights, in the weights' layout; the model's while it is trained. */
  GRADIENTS,
  /** The optimizer's first moment (or momentum), in the weights' layout. */
  FIRST_MOMENTS,
  /** The optimizer's second moment, in the weights' layout. */
  SECOND_MOMENTS,
  /** Keys and values of past positions; a generation's, shared by its programs. */
  CACHE,
  /** Tables written once when a program is linked; the executable's. */
  CONSTANTS,
  /** What the caller writes before a run and reads after it; the executable's. */
  IO,
  /** Everything between; the executable's, reused as soon as a value is dead. */
  ACTIVATIONS;

  /** Whether the memory belongs to a model and is laid out by its {@link ParameterLayout}. */
  public boolean isModel() {
    return this == PARAMETERS
        || this == ROUNDED_PARAMETERS
        || this == BF16_PARAMETERS
        || this == GRADIENTS
        || this == FIRST_MOMENTS
        || this == SECOND_MOMENTS;
  }

  /** What a model's region is made of. */
  public DType dtype() {
    return this == ROUNDED_PARAMETERS || this == BF16_PARAMETERS ? DType.BF16 : DType.F32;
  }
}
