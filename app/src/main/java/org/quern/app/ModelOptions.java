package org.quern.app;

import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.quern.model.Gpt2Config;
import org.quern.model.LlamaConfig;
import org.quern.model.ModelConfig;
import picocli.CommandLine.Option;

/** Which model is trained: a preset or a family with sizes of one's own, or a folder. */
final class ModelOptions {
  /** Far beyond any model, and small enough that products of two sizes are exact. */
  private static final int LARGEST = 1 << 24;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      defaultValue = "gpt2-mini",
      description =
          "A new model: gpt2, llama, gpt-char, gpt2-mini, gpt2-124m, gpt2-355m, llama-mini,"
              + " llama-15m, llama-135m or llama-1.1b; or the folder of one to train further"
              + " (default: ${DEFAULT-VALUE}).")
  private String model = "gpt2-mini";

  @Option(names = "--layers", paramLabel = "N", description = "Number of layers.")
  private @Nullable Integer layers;

  @Option(names = "--heads", paramLabel = "N", description = "Number of attention heads.")
  private @Nullable Integer heads;

  @Option(names = "--kv-heads", paramLabel = "N", description = "Key/value heads (llama).")
  private @Nullable Integer groups;

  @Option(names = "--channels", paramLabel = "N", description = "Width of a layer.")
  private @Nullable Integer channels;

  @Option(
      names = "--feed-forward",
      paramLabel = "N",
      description =
          "Width inside the feed-forward layers (default: 4, or 8/3, times the channels).")
  private @Nullable Integer feedForward;

  @Option(
      names = "--context",
      paramLabel = "N",
      description = "Tokens that the model sees at once.")
  private @Nullable Integer context;

  @Option(
      names = "--dropout",
      paramLabel = "P",
      description = "Probability of dropout (default: 0).")
  private @Nullable Float dropout;

  /** Finds what is wrong before any text is read. */
  void check() {
    Presets preset = Presets.find(model);
    if (preset == null) {
      folder();
      refuse("--layers", layers, "a model that is trained further keeps its sizes");
      refuse("--heads", heads, "a model that is trained further keeps its sizes");
      refuse("--kv-heads", groups, "a model that is trained further keeps its sizes");
      refuse("--channels", channels, "a model that is trained further keeps its sizes");
      refuse("--feed-forward", feedForward, "a model that is trained further keeps its sizes");
      refuse("--dropout", dropout, "a model that is trained further keeps its own");
    } else if (preset.family == Presets.Family.GPT2) {
      refuse("--kv-heads", groups, "models of the family gpt2 have as many as heads");
    }
  }

  private static void refuse(String option, @Nullable Object given, String why) {
    if (given != null) {
      throw new AppException("Leave " + option + " out: " + why + ".");
    }
  }

  /** Whether the model is a new one, rather than one that is trained further. */
  boolean isNew() {
    return Presets.find(model) != null;
  }

  /** The folder of a model that is trained further; empty for a new model. */
  Optional<Path> folder() {
    return isNew() ? Optional.empty() : Optional.of(ModelPath.existing(model));
  }

  /** Tokens in a row of a batch. */
  int context(int most) {
    Presets preset = Presets.find(model);
    int usual = preset == null ? Math.min(most, 256) : preset.context;
    int chosen = context == null ? Math.min(usual, most) : context;
    if (chosen < 1 || chosen > most) {
      throw new AppException(
          "The context is "
              + chosen
              + " tokens; for this model choose one from 1 to "
              + most
              + ".");
    }
    return chosen;
  }

  /** The sizes of a new model. */
  ModelConfig config(int vocabulary) {
    Presets preset = Presets.find(model);
    if (preset == null) {
      throw new AppException("The model " + model + " is not a new one.");
    }
    int width = size("--channels", channels, preset.channels);
    int depth = size("--layers", layers, preset.layers);
    int headCount = size("--heads", heads, preset.heads);
    int length = size("--context", context, preset.context);
    return switch (preset.family) {
      case GPT2 ->
          gpt2(
              vocabulary,
              length,
              width,
              depth,
              headCount,
              size("--feed-forward", feedForward, 4 * width));
      case LLAMA -> {
        int usual = width == preset.channels ? preset.feedForward : (width * 8 / 3 + 15) & -16;
        int groupCount = size("--kv-heads", groups, heads == null ? preset.groups : headCount);
        yield llama(
            vocabulary,
            length,
            width,
            depth,
            headCount,
            groupCount,
            size("--feed-forward", feedForward, usual),
            preset.tiedHead());
      }
    };
  }

  private ModelConfig gpt2(
      int vocabulary, int length, int width, int depth, int headCount, int inner) {
    Gpt2Config base = Gpt2Config.of(vocabulary, length, width, depth, headCount);
    return base.withFeedForward(inner).withDropout(dropout());
  }

  private ModelConfig llama(
      int vocabulary,
      int length,
      int width,
      int depth,
      int headCount,
      int groupCount,
      int inner,
      boolean tiedHead) {
    LlamaConfig config =
        LlamaConfig.of(vocabulary, length, width, depth, headCount, groupCount, inner);
    return config.withTiedHead(tiedHead).withAttentionDropout(dropout());
  }

  private float dropout() {
    Float given = dropout;
    return given == null ? 0 : given;
  }

  private static int size(String option, @Nullable Integer given, int usual) {
    if (given == null) {
      return usual;
    }
    if (given < 1 || given > LARGEST) {
      throw new AppException(
          option + " is " + given + "; choose a number from 1 to " + LARGEST + ".");
    }
    return given;
  }
}
