package org.quern.model;

/** The sizes and settings of an architecture. */
public sealed interface ModelConfig permits Gpt2Config, LlamaConfig {
  /** More than any published model has. */
  int MOST_LAYERS = 4096;

  /** The number of tokens. */
  int vocabularySize();

  /** The most positions that the model was made for. */
  int contextLength();

  /** The width of a layer's input and output. */
  int channels();

  /** The number of layers. */
  int layers();

  /** {@code model_type} in Hugging Face's configurations, such as {@code gpt2}. */
  String family();

  /** Checks that {@code value} is positive. */
  static void positive(String what, int value) {
    if (value < 1) {
      throw new ModelException("The model's " + what + " is " + value + "; it must be positive.");
    }
  }

  /**
   * Checks that there are layers, and not more than any model has: lists of them are made before
   * files are read.
   */
  static void layers(int value) {
    positive("number of layers", value);
    if (value > MOST_LAYERS) {
      throw new ModelException(
          "The model's number of layers is " + value + "; it can be " + MOST_LAYERS + " at most.");
    }
  }

  /** Checks that {@code value} is a probability below one. */
  static void probability(String what, float value) {
    if (!(value >= 0 && value < 1)) {
      throw new ModelException("The model's " + what + " is " + value + "; it must be in [0, 1).");
    }
  }
}
