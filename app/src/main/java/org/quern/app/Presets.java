package org.quern.app;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.quern.model.Gpt2Config;
import org.quern.model.LlamaConfig;
import org.quern.model.ModelConfig;

/** Model sizes by name. */
enum Presets {
  GPT_CHAR("gpt-char", Family.GPT2, 4, 4, 4, 128, 512, 64, 65),
  GPT2_MINI("gpt2-mini", Family.GPT2, 4, 4, 4, 160, 640, 128, 1024),
  GPT2_124M("gpt2-124m", Family.GPT2, 12, 12, 12, 768, 3072, 1024, 50_257),
  GPT2_355M("gpt2-355m", Family.GPT2, 24, 16, 16, 1024, 4096, 1024, 50_257),
  LLAMA_MINI("llama-mini", Family.LLAMA, 4, 4, 2, 160, 432, 128, 1024),
  LLAMA_15M("llama-15m", Family.LLAMA, 6, 6, 6, 288, 768, 256, 32_000),
  LLAMA_135M("llama-135m", Family.LLAMA, 30, 9, 3, 576, 1536, 2048, 49_152),
  LLAMA_1_1B("llama-1.1b", Family.LLAMA, 22, 32, 4, 2048, 5632, 2048, 32_000);

  /** Which architecture a size belongs to. */
  enum Family {
    GPT2,
    LLAMA
  }

  private final String text;
  final Family family;
  final int layers;
  final int heads;
  final int groups;
  final int channels;
  final int feedForward;
  final int context;

  /** The tokens of the model that the size is known from; a training's own text decides its own. */
  final int vocabulary;

  Presets(
      String text,
      Family family,
      int layers,
      int heads,
      int groups,
      int channels,
      int feedForward,
      int context,
      int vocabulary) {
    this.text = text;
    this.family = family;
    this.layers = layers;
    this.heads = heads;
    this.groups = groups;
    this.channels = channels;
    this.feedForward = feedForward;
    this.context = context;
    this.vocabulary = vocabulary;
  }

  /** Whether the head is the token embedding; only the largest has one of its own. */
  boolean tiedHead() {
    return this != LLAMA_1_1B;
  }

  /** The whole model at its own size. */
  ModelConfig config() {
    return switch (family) {
      case GPT2 ->
          Gpt2Config.of(vocabulary, context, channels, layers, heads).withFeedForward(feedForward);
      case LLAMA ->
          LlamaConfig.of(vocabulary, context, channels, layers, heads, groups, feedForward)
              .withTiedHead(tiedHead());
    };
  }

  /** The preset of this name, a family's name standing for its smallest; null if there is none. */
  static @Nullable Presets find(String name) {
    String wanted = name.equals("gpt2") || name.equals("llama") ? name + "-mini" : name;
    return Arrays.stream(values())
        .filter(preset -> preset.text.equals(wanted))
        .findFirst()
        .orElse(null);
  }

  static List<String> names() {
    return Arrays.stream(values()).map(preset -> preset.text).toList();
  }

  static String list() {
    return names().stream().collect(Collectors.joining(", "));
  }
}
