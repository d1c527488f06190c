package org.quern.app;

import java.util.Optional;
import org.quern.Model;
import org.quern.data.BatchSource;
import org.quern.train.StepReport;
import org.quern.train.Trainer;
import org.quern.train.TrainingListener;
import org.quern.train.TrainingOptions;

/** Times a few steps on a model that is thrown away. */
final class Calibration implements TrainingListener {
  private static final long WARM_UP_NANOS = 2_000_000_000L;
  private static final long MEASURE_NANOS = 4_000_000_000L;
  private static final long LEAST = 20;

  /** The most steps, and what options are checked with before the number is known. */
  static final long MOST = 1_000_000;

  private final Model model;
  private final BatchSource source;
  private final TrainCommand command;
  private final Trainer trainer;
  private long start;
  private long firstStep;
  private long firstNanos;
  private double secondsPerStep = Double.NaN;

  Calibration(Model model, BatchSource source, TrainCommand command) {
    this.model = model;
    this.source = source;
    this.command = command;
    trainer = trainer();
  }

  private Trainer trainer() {
    TrainingOptions options =
        TrainingOptions.of(MOST)
            .withAccumulation(command.run.accumulation())
            .withOptimizer(command.optimizer.optimizer())
            .withMaxNorm(command.optimizer.maxNorm())
            .withRecompute(command.run.recompute())
            .withBf16Weights(command.run.bf16Weights());
    return new Trainer(
        model.backend(),
        model.architecture(),
        model.memory(),
        source,
        Optional.empty(),
        options,
        this);
  }

  long steps(double minutes) {
    try (trainer) {
      start = System.nanoTime();
      trainer.train();
    }
    return Math.clamp(Math.round(minutes * 60 / secondsPerStep), LEAST, MOST);
  }

  @Override
  public void onStep(StepReport report) {
    long now = System.nanoTime();
    if (firstStep == 0) {
      if (now - start >= WARM_UP_NANOS) {
        firstStep = report.step();
        firstNanos = now;
      }
    } else if (now - firstNanos >= MEASURE_NANOS) {
      secondsPerStep = (now - firstNanos) / 1e9 / (report.step() - firstStep);
      trainer.stop();
    }
  }
}
