package org.quern.model;

import org.quern.ir.op.ActivationFunction;

/**
 * Sizes and settings of {@link Gpt2}.
 *
 * @param vocabularySize V
 * @param contextLength the number of learned positions
 * @param channels C
 * @param layers how many blocks
 * @param heads H; divides C
 * @param feedForward F, commonly 4 C
 * @param activation the feed-forward layer's function
 * @param epsilon of the layer norms
 * @param embeddingDropout after the embedding, while training
 * @param attentionDropout on the attention's weights, while training
 * @param residualDropout on what a block adds, while training
 * @param scaleAttention whether attention's products are divided by the root of the head size
 * @param scaleByLayer whether layer i's are also divided by i + 1
 * @param tiedHead whether the head is the token embedding
 * @param initializerRange the standard deviation of new weights
 */
public record Gpt2Config(
    int vocabularySize,
    int contextLength,
    int channels,
    int layers,
    int heads,
    int feedForward,
    ActivationFunction activation,
    float epsilon,
    float embeddingDropout,
    float attentionDropout,
    float residualDropout,
    boolean scaleAttention,
    boolean scaleByLayer,
    boolean tiedHead,
    float initializerRange)
    implements ModelConfig {

  /** Checks the sizes. */
  public Gpt2Config {
    ModelConfig.positive("vocabulary size", vocabularySize);
    ModelConfig.positive("context length", contextLength);
    ModelConfig.positive("number of channels", channels);
    ModelConfig.layers(layers);
    ModelConfig.positive("number of heads", heads);
    ModelConfig.positive("feed-forward size", feedForward);
    if (channels % heads != 0) {
      throw new ModelException(
          "The model's "
              + channels
              + " channels cannot be shared by "
              + heads
              + " heads; choose a multiple.");
    }
    ModelConfig.probability("embedding dropout", embeddingDropout);
    ModelConfig.probability("attention dropout", attentionDropout);
    ModelConfig.probability("residual dropout", residualDropout);
  }

  /** A new model of these sizes with GPT-2's settings and no dropout. */
  public static Gpt2Config of(
      int vocabularySize, int contextLength, int channels, int layers, int heads) {
    return new Gpt2Config(
        vocabularySize,
        contextLength,
        channels,
        layers,
        heads,
        Math.multiplyExact(4, channels),
        ActivationFunction.GELU_TANH,
        1e-5f,
        0,
        0,
        0,
        true,
        false,
        true,
        0.02f);
  }

  /** These settings with another feed-forward size. */
  public Gpt2Config withFeedForward(int size) {
    return new Gpt2Config(
        vocabularySize,
        contextLength,
        channels,
        layers,
        heads,
        size,
        activation,
        epsilon,
        embeddingDropout,
        attentionDropout,
        residualDropout,
        scaleAttention,
        scaleByLayer,
        tiedHead,
        initializerRange);
  }

  /** These settings with one dropout probability everywhere. */
  public Gpt2Config withDropout(float probability) {
    return new Gpt2Config(
        vocabularySize,
        contextLength,
        channels,
        layers,
        heads,
        feedForward,
        activation,
        epsilon,
        probability,
        probability,
        probability,
        scaleAttention,
        scaleByLayer,
        tiedHead,
        initializerRange);
  }

  @Override
  public String family() {
    return "gpt2";
  }

  /** D, the width of a head. */
  public int headSize() {
    return channels / heads;
  }
}
