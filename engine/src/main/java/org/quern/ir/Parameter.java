package org.quern.ir;

/**
 * A weight of a model: its name in the model's file, its shape and how it starts.
 *
 * @param name the name that Hugging Face's model files use, such as {@code model.norm.weight}
 * @param shape the shape, as in the file
 * @param initializer the values before training
 */
public record Parameter(String name, Shape shape, Initializer initializer) {
  /**
   * Whether weight decay applies: to matrices, and not to biases and norms (Loshchilov and Hutter's
   * decay as GPT-2's successors use it).
   */
  public boolean decays() {
    return shape.rank() >= 2;
  }
}
