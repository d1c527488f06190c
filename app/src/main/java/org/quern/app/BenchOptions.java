package org.quern.app;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.quern.Engine;
import org.quern.Model;
import org.quern.model.ModelConfig;
import org.quern.text.CharacterTokenizer;
import org.quern.text.Tokenizer;
import picocli.CommandLine.Option;

/** The options that the benchmarks share. */
final class BenchOptions {
  private static final int MOST = 1 << 15;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      defaultValue = "gpt2-124m",
      description =
          "A size, with random weights: gpt-char, gpt2-mini, gpt2-124m, gpt2-355m, llama-mini,"
              + " llama-15m, llama-135m or llama-1.1b; or a model's folder"
              + " (default: ${DEFAULT-VALUE}).")
  private String model = "gpt2-124m";

  @Option(names = "--batch", paramLabel = "N", description = "Sequences side by side.")
  private @Nullable Integer batch;

  @Option(names = "--context", paramLabel = "N", description = "Tokens of each.")
  private @Nullable Integer context;

  @Option(
      names = "--warmup",
      paramLabel = "N",
      description = "Runs before the first that is timed (default: until it is steady).")
  private @Nullable Integer warmup;

  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "Runs that are timed (default: some, and some seconds).")
  private @Nullable Integer steps;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  /** Finds what is wrong before anything takes time. */
  void check() {
    batch(1);
    range("--context", context, 1, MOST);
    range("--warmup", warmup, 0, MOST);
    range("--steps", steps, 1, MOST);
    if (Presets.find(model) == null) {
      ModelPath.existing(model);
    }
  }

  String model() {
    return model;
  }

  boolean json() {
    return json;
  }

  int batch(int usual) {
    return range("--batch", batch, 1, MOST).orElse(usual);
  }

  /** The context that was asked for, if any. */
  OptionalInt context() {
    return range("--context", context, 1, MOST);
  }

  Repetitions repetitions(int leastWarmup, int leastSteps, double seconds) {
    return new Repetitions(
        range("--warmup", warmup, 0, MOST),
        range("--steps", steps, 1, MOST),
        leastWarmup,
        leastSteps,
        seconds);
  }

  /** A number in its bounds. */
  static OptionalInt range(String option, @Nullable Integer given, int least, int most) {
    if (given == null) {
      return OptionalInt.empty();
    }
    if (given < least || given > most) {
      throw new AppException(
          option + " is " + given + "; choose a number from " + least + " to " + most + ".");
    }
    return OptionalInt.of(given);
  }

  /** A model to train: a folder's, or a size with random weights. */
  Model openForTraining(Engine engine) {
    return open(engine, engine::create);
  }

  /** A model to write with; weights of a mere size are kept in the precision of the engine. */
  Model openForWriting(Engine engine) {
    boolean rounded = engine.describe().precision().equals("bf16");
    return open(engine, rounded ? engine::createRounded : engine::create);
  }

  private interface Creation {
    Model of(ModelConfig config, Tokenizer tokenizer, long seed);
  }

  private Model open(Engine engine, Creation creation) {
    Optional<Presets> preset = Optional.ofNullable(Presets.find(model));
    if (preset.isPresent()) {
      // No token is ever read or printed, so any will do.
      return creation.of(preset.get().config(), CharacterTokenizer.of(" "), 1);
    }
    Path folder = ModelPath.existing(model);
    return engine.load(folder);
  }

  /** The matrix products of the model's training step, each size once. */
  List<MatmulShape> products(Engine engine, int rows) {
    Presets preset = Presets.find(model);
    if (preset != null) {
      return MatmulShape.of(preset.config(), rows);
    }
    try (Model loaded = engine.load(ModelPath.existing(model))) {
      return MatmulShape.of(loaded.config(), rows);
    }
  }

  /** A length that the model can see. */
  static int fitting(int tokens, Model model) {
    int most = model.config().contextLength();
    if (tokens > most) {
      throw new AppException(
          "The context is "
              + tokens
              + " tokens; for this model choose one from 1 to "
              + most
              + ".");
    }
    return tokens;
  }
}
