package org.quern.ir;

/**
 * A weight of a model: its name in the model's file, its shape and how it starts.
 *
 * @param name the name that Hugging Face's model files use, such as {@code model.norm.weight}
 * @param shape the shape, as in the file
 * @param initializer the values before training
 * @param conv1d whether it is the matrix of a product and stands {@code [in, out]}, as in GPT-2's
 *     Conv1D; all others stand {@code [out, in]}
 */
public record Parameter(String name, Shape shape, Initializer initializer, boolean conv1d) {
  /** A weight that is no Conv1D's. */
  public Parameter(String name, Shape shape, Initializer initializer) {
    this(name, shape, initializer, false);
  }

  /** The shape in {@link Region#ROUNDED_PARAMETERS}: {@code [out, in]} in any case. */
  public Shape roundedShape() {
    return conv1d ? Shape.of(shape.dimension(1), shape.dimension(0)) : shape;
  }

  /**
   * Whether weight decay applies: to matrices, and not to biases and norms (Loshchilov and Hutter's
   * decay as GPT-2's successors use it).
   */
  public boolean decays() {
    return shape.rank() >= 2;
  }
}
