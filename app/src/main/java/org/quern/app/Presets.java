package org.quern.app;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Model sizes by name. */
enum Presets {
  GPT2_MINI("gpt2-mini", Family.GPT2, 4, 4, 4, 160, 640, 128),
  GPT2_124M("gpt2-124m", Family.GPT2, 12, 12, 12, 768, 3072, 1024),
  GPT2_355M("gpt2-355m", Family.GPT2, 24, 16, 16, 1024, 4096, 1024),
  LLAMA_MINI("llama-mini", Family.LLAMA, 4, 4, 2, 160, 432, 128),
  LLAMA_15M("llama-15m", Family.LLAMA, 6, 6, 6, 288, 768, 256),
  LLAMA_135M("llama-135m", Family.LLAMA, 30, 9, 3, 576, 1536, 2048);

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

  Presets(
      String text,
      Family family,
      int layers,
      int heads,
      int groups,
      int channels,
      int feedForward,
      int context) {
    this.text = text;
    this.family = family;
    this.layers = layers;
    this.heads = heads;
    this.groups = groups;
    this.channels = channels;
    this.feedForward = feedForward;
    this.context = context;
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
