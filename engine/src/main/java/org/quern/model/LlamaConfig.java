package org.quern.model;

import java.util.Collections;
import java.util.List;
import org.quern.ir.op.ActivationFunction;

/**
 * Sizes and settings of {@link Llama} and its relatives.
 *
 * @param family {@code llama}, {@code mistral}, {@code qwen2} or {@code qwen3}
 * @param vocabularySize V
 * @param contextLength the most positions that the model was made for
 * @param channels C
 * @param layers how many blocks
 * @param heads H, query heads
 * @param groups G, key and value heads; divides H
 * @param headSize D; not always C / H
 * @param feedForward F
 * @param activation the gate's function, commonly SiLU
 * @param epsilon of the RMS norms
 * @param ropeTheta the base of the rotary positions
 * @param ropeScaling their stretch
 * @param queryKeyValueBias whether q, k and v have biases
 * @param outputBias whether the attention's output has one
 * @param feedForwardBias whether the feed-forward layers have biases
 * @param queryKeyNorm whether each head's q and k are normalized (Qwen3)
 * @param windows for each layer the number of keys seen at most, 0 for all
 * @param attentionDropout on the attention's weights, while training
 * @param tiedHead whether the head is the token embedding
 * @param initializerRange the standard deviation of new weights
 */
public record LlamaConfig(
    String family,
    int vocabularySize,
    int contextLength,
    int channels,
    int layers,
    int heads,
    int groups,
    int headSize,
    int feedForward,
    ActivationFunction activation,
    float epsilon,
    double ropeTheta,
    RopeScaling ropeScaling,
    boolean queryKeyValueBias,
    boolean outputBias,
    boolean feedForwardBias,
    boolean queryKeyNorm,
    List<Integer> windows,
    float attentionDropout,
    boolean tiedHead,
    float initializerRange)
    implements ModelConfig {

  /** Checks the sizes. */
  public LlamaConfig {
    ModelConfig.positive("vocabulary size", vocabularySize);
    ModelConfig.positive("context length", contextLength);
    ModelConfig.positive("number of channels", channels);
    ModelConfig.layers(layers);
    ModelConfig.positive("number of heads", heads);
    ModelConfig.positive("number of key/value heads", groups);
    ModelConfig.positive("head size", headSize);
    ModelConfig.positive("feed-forward size", feedForward);
    if (heads % groups != 0) {
      throw new ModelException(
          "The model's "
              + heads
              + " heads cannot share "
              + groups
              + " key/value heads; choose a multiple.");
    }
    if (headSize % 2 != 0) {
      throw new ModelException(
          "The model's head size is " + headSize + "; rotary positions need an even one.");
    }
    windows = List.copyOf(windows);
    if (windows.size() != layers || windows.stream().anyMatch(window -> window < 0)) {
      throw new ModelException(
          "The model has "
              + layers
              + " layers, but the windows "
              + windows
              + "; give one that is not negative for each.");
    }
    ModelConfig.probability("attention dropout", attentionDropout);
  }

  /** A new model of these sizes with Llama's settings, a tied head and no dropout. */
  public static LlamaConfig of(
      int vocabularySize,
      int contextLength,
      int channels,
      int layers,
      int heads,
      int groups,
      int feedForward) {
    ModelConfig.positive("number of heads", heads);
    if (channels % heads != 0) {
      throw new ModelException(
          "The model's "
              + channels
              + " channels cannot be shared by "
              + heads
              + " heads; choose a multiple.");
    }
    return new LlamaConfig(
        "llama",
        vocabularySize,
        contextLength,
        channels,
        layers,
        heads,
        groups,
        channels / heads,
        feedForward,
        ActivationFunction.SILU,
        1e-5f,
        10_000,
        new RopeScaling.None(),
        false,
        false,
        false,
        false,
        Collections.nCopies(Math.max(layers, 0), 0),
        0,
        true,
        0.02f);
  }

  /** These settings with another probability of dropout on the attention's weights. */
  public LlamaConfig withAttentionDropout(float probability) {
    return with(probability, tiedHead);
  }

  /** These settings with a head that is the token embedding, or one of its own. */
  public LlamaConfig withTiedHead(boolean tied) {
    return with(attentionDropout, tied);
  }

  private LlamaConfig with(float attentionDropout, boolean tiedHead) {
    return new LlamaConfig(
        family,
        vocabularySize,
        contextLength,
        channels,
        layers,
        heads,
        groups,
        headSize,
        feedForward,
        activation,
        epsilon,
        ropeTheta,
        ropeScaling,
        queryKeyValueBias,
        outputBias,
        feedForwardBias,
        queryKeyNorm,
        windows,
        attentionDropout,
        tiedHead,
        initializerRange);
  }
}
