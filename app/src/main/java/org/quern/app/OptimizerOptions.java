package org.quern.app;

import org.jspecify.annotations.Nullable;
import org.quern.train.Optimizer;
import org.quern.train.Schedule;
import picocli.CommandLine.Option;

/** How the parameters follow their gradients. */
final class OptimizerOptions {
  @Option(
      names = "--optimizer",
      paramLabel = "NAME",
      defaultValue = "adamw",
      description = "adamw or sgd (default: adamw).")
  private String optimizer = "adamw";

  @Option(
      names = "--learning-rate",
      paramLabel = "RATE",
      defaultValue = "1e-3",
      description = "The highest learning rate (default: 1e-3).")
  private double learningRate;

  @Option(
      names = "--min-learning-rate",
      paramLabel = "RATE",
      description = "The last learning rate (default: a tenth of the highest).")
  private @Nullable Double minimum;

  @Option(
      names = "--schedule",
      paramLabel = "NAME",
      defaultValue = "cosine",
      description = "constant, linear, cosine, or wsd: warm-up, stable, decay (default: cosine).")
  private String schedule = "cosine";

  @Option(
      names = "--warmup",
      paramLabel = "STEPS",
      description = "Steps in which the learning rate rises (default: a twentieth, 100 at most).")
  private @Nullable Long warmup;

  @Option(
      names = "--decay",
      paramLabel = "STEPS",
      description = "Steps of wsd's decay at the end (default: a fifth).")
  private @Nullable Long decay;

  @Option(
      names = "--beta1",
      paramLabel = "X",
      defaultValue = "0.9",
      description = "AdamW's decay of the first moment (default: 0.9).")
  private float beta1;

  @Option(
      names = "--beta2",
      paramLabel = "X",
      defaultValue = "0.95",
      description = "AdamW's decay of the second moment (default: 0.95).")
  private float beta2;

  @Option(
      names = "--epsilon",
      paramLabel = "X",
      defaultValue = "1e-8",
      description = "AdamW's epsilon (default: 1e-8).")
  private float epsilon;

  @Option(
      names = "--weight-decay",
      paramLabel = "X",
      defaultValue = "0.1",
      description = "Weight decay, on matrices alone (default: 0.1).")
  private float weightDecay;

  @Option(
      names = "--momentum",
      paramLabel = "X",
      defaultValue = "0.9",
      description = "SGD's momentum (default: 0.9).")
  private float momentum;

  @Option(
      names = "--clip",
      paramLabel = "NORM",
      defaultValue = "1",
      description = {
        "Largest norm of all gradients together; 0 for no clipping (default: 1). Without clipping and",
        "with --accumulate 1, gradients take no memory of their own: each is used at once."
      })
  private float maxNorm;

  float maxNorm() {
    return maxNorm;
  }

  Optimizer optimizer() {
    return switch (optimizer) {
      case "adamw" -> new Optimizer.AdamW(beta1, beta2, epsilon, weightDecay);
      case "sgd" -> new Optimizer.Sgd(momentum, weightDecay);
      default ->
          throw new AppException("There is no optimizer " + optimizer + "; choose adamw or sgd.");
    };
  }

  Schedule schedule(long steps) {
    Long given = warmup;
    long rise = given == null ? Math.min(100, steps / 20) : given;
    Double least = minimum;
    double floor = least == null ? learningRate / 10 : least;
    return switch (schedule) {
      case "constant" -> new Schedule.Constant(learningRate, rise);
      case "linear" -> new Schedule.Linear(learningRate, floor, rise, steps);
      case "cosine" -> new Schedule.Cosine(learningRate, floor, rise, steps);
      case "wsd" -> {
        Long fall = decay;
        long last = fall == null ? steps / 5 : fall;
        yield new Schedule.WarmupStableDecay(learningRate, floor, rise, last, steps);
      }
      default ->
          throw new AppException(
              "There is no schedule " + schedule + "; choose constant, linear, cosine or wsd.");
    };
  }
}
