package org.quern.app;

import java.nio.file.Path;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.quern.train.Bf16Weights;
import org.quern.train.Recompute;
import picocli.CommandLine.Option;

/** How long, how much at once, and where to. */
final class RunOptions {
  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "Updates of the parameters (default: as many as --minutes allow).")
  private @Nullable Long steps;

  @Option(
      names = "--minutes",
      paramLabel = "M",
      defaultValue = "2",
      description =
          "Without --steps: about how long to train; the first steps are timed (default: 2).")
  private double minutes;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "16",
      description = "Sequences at once (default: ${DEFAULT-VALUE}).")
  private int batch;

  @Option(
      names = "--accumulate",
      paramLabel = "N",
      defaultValue = "1",
      description = "Batches a step, as if they were one (default: 1).")
  private int accumulation;

  @Option(
      names = "--recompute",
      paramLabel = "WHAT",
      description = {
        "none, or blocks: keep only the input of each block of the model, and do its forward pass once",
        "more in the backward pass (activation checkpointing). Less memory, same results; what it",
        "saves and costs is printed (default: none)."
      })
  private @Nullable String recompute;

  @Option(
      names = "--bf16-weights",
      paramLabel = "WHEN",
      description = {
        "on, off or auto: in a training in BF16, keep the weights of products rounded as well, so that",
        "these need not round them. 2 bytes a weight, same results (default: auto, which keeps those of",
        "products of up to 512 rows where the CPU multiplies BF16 itself)."
      })
  private @Nullable String bf16Weights;

  @Option(
      names = "--random-windows",
      description = "Draw windows of text with replacement, rather than each once an epoch.")
  private boolean randomWindows;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1337",
      description = "Decides weights, order of text and dropout (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--eval-every",
      paramLabel = "STEPS",
      description = "Steps between evaluations (default: a tenth of all; 0 for the end alone).")
  private @Nullable Long evaluationInterval;

  @Option(
      names = "--eval-batches",
      paramLabel = "N",
      defaultValue = "20",
      description = "Batches of an evaluation before the last, which takes all (default: 20).")
  private long evaluationBatches;

  @Option(
      names = "--checkpoint-every",
      paramLabel = "STEPS",
      description = "Steps between checkpoints (default: a quarter of all; 0 for the end alone).")
  private @Nullable Long checkpointInterval;

  @Option(
      names = "--sample-every",
      paramLabel = "STEPS",
      description = "Steps between samples of text (default: a quarter of all; 0 for none).")
  private @Nullable Long sampleInterval;

  @Option(
      names = "--prompt",
      paramLabel = "TEXT",
      description = "What samples begin with (default: the start of the held-out text).")
  private @Nullable String prompt;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      description = "The run's folder (default: a new one in runs).")
  private @Nullable Path out;

  @Option(
      names = "--profile",
      paramLabel = "STEPS",
      arity = "0..1",
      fallbackValue = "20",
      description =
          "Time each operation in so many steps, once warm, and print a table (default: 20 steps).")
  private @Nullable Long profiledSteps;

  @Nullable Path out() {
    return out;
  }

  /** Finds what is wrong and would show only later. */
  void check() {
    if (!(minutes > 0 && minutes < 1e6)) {
      throw new AppException(
          "The time is " + minutes + " minutes; choose a positive number, such as 2.");
    }
    if (batch < 1) {
      throw new AppException("The batch is " + batch + "; choose 1 or more sequences.");
    }
    Recompute _ = recompute();
    Bf16Weights _ = bf16Weights();
    if (profiledSteps != null && profiledSteps < 1) {
      throw new AppException(
          "The number of steps to profile is " + profiledSteps + "; choose 1 or more.");
    }
    if (sampleInterval != null && sampleInterval < 0) {
      throw new AppException(
          "The interval of samples is " + sampleInterval + "; choose 0 for none or more.");
    }
    if (prompt != null && prompt.isEmpty()) {
      throw new AppException("The prompt of samples is empty; give some text or leave it out.");
    }
  }

  /** How many steps to profile, if any. */
  OptionalLong profiledSteps() {
    Long given = profiledSteps;
    return given == null ? OptionalLong.empty() : OptionalLong.of(given);
  }

  /** Profiles as another command line says: it is no property of the run. */
  void overrideProfile(RunOptions other) {
    profiledSteps = other.profiledSteps;
  }

  OptionalLong givenSteps() {
    Long given = steps;
    return given == null ? OptionalLong.empty() : OptionalLong.of(given);
  }

  /** What is recomputed. */
  Recompute recompute() {
    return recompute == null ? Recompute.NONE : recompute(recompute);
  }

  /** What an option of this name says. */
  static Recompute recompute(String what) {
    return switch (what) {
      case "none" -> Recompute.NONE;
      case "blocks" -> Recompute.BLOCKS;
      default ->
          throw new AppException(
              "Nothing named " + what + " is recomputed; choose none or blocks.");
    };
  }

  /** Whether weights are kept in BF16. */
  Bf16Weights bf16Weights() {
    return bf16Weights == null ? Bf16Weights.AUTO : bf16Weights(bf16Weights);
  }

  /** What an option of this name says. */
  static Bf16Weights bf16Weights(String when) {
    return switch (when) {
      case "auto" -> Bf16Weights.AUTO;
      case "on" -> Bf16Weights.ON;
      case "off" -> Bf16Weights.OFF;
      default ->
          throw new AppException(
              "Weights cannot be kept in BF16 " + when + "; choose auto, on or off.");
    };
  }

  /** Keeps weights in BF16 as another command line says, if it does: it changes no result. */
  void overrideBf16Weights(RunOptions other) {
    bf16Weights = other.bf16Weights == null ? bf16Weights : other.bf16Weights;
  }

  /** Recomputes as another command line says, if it does: it changes no result. */
  void overrideRecompute(RunOptions other) {
    recompute = other.recompute == null ? recompute : other.recompute;
  }

  /** Replaces the steps by those of a run that is resumed, or by those given anew. */
  void overrideSteps(long count) {
    steps = count;
  }

  double minutes() {
    return minutes;
  }

  int batch() {
    return batch;
  }

  int accumulation() {
    return accumulation;
  }

  boolean randomWindows() {
    return randomWindows;
  }

  long seed() {
    return seed;
  }

  long evaluationInterval(long all) {
    return or(evaluationInterval, Math.max(1, all / 10));
  }

  long evaluationBatches() {
    return evaluationBatches;
  }

  long checkpointInterval(long all) {
    return or(checkpointInterval, Math.max(1, all / 4));
  }

  long sampleInterval(long all) {
    return or(sampleInterval, Math.max(1, all / 4));
  }

  @Nullable String prompt() {
    return prompt;
  }

  private static long or(@Nullable Long given, long usual) {
    return given == null ? usual : given;
  }
}
