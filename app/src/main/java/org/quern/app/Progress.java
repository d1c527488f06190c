package org.quern.app;

import java.util.Locale;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;
import org.quern.train.Checkpoint;
import org.quern.train.Evaluation;
import org.quern.train.StepReport;
import org.quern.train.TrainingListener;
import org.quern.train.TrainingStart;

/** Shows a training: a bar on a terminal, lines elsewhere; samples and evaluations between. */
final class Progress implements TrainingListener, AutoCloseable {
  private static final long LINE_NANOS = 5_000_000_000L;

  private final Console console;
  private final Samples samples;
  private final @Nullable ProgressBar bar;
  private long lastLine;

  Progress(Console console, Samples samples, long steps) {
    this.console = console;
    this.samples = samples;
    bar = System.console() != null && System.console().isTerminal() ? bar(steps) : null;
  }

  private static ProgressBar bar(long steps) {
    return new ProgressBarBuilder()
        .setTaskName("train")
        .setInitialMax(steps)
        .setStyle(ProgressBarStyle.ASCII)
        .setUpdateIntervalMillis(250)
        .build();
  }

  @Override
  public void onStart(TrainingStart start) {
    console.say(
        String.format(
            Locale.ROOT,
            "Training %,d parameters for %,d steps of %,d tokens (%.2f epochs).",
            start.parameters(),
            start.steps() - start.step(),
            start.tokensPerStep(),
            (start.steps() - start.step()) / start.stepsPerEpoch()));
    lastLine = System.nanoTime();
  }

  @Override
  public void onStep(StepReport report) {
    ProgressBar shown = bar;
    if (shown != null) {
      shown.stepTo(report.step());
      shown.setExtraMessage(
          String.format(
              Locale.ROOT, " loss %.3f, %,.0f tokens/s", report.loss(), report.tokensPerSecond()));
    } else if (System.nanoTime() - lastLine >= LINE_NANOS || report.step() == report.steps()) {
      lastLine = System.nanoTime();
      console.say(
          String.format(
              Locale.ROOT,
              "step %,d of %,d, loss %.3f, %,.0f tokens/s, %d s left",
              report.step(),
              report.steps(),
              report.loss(),
              report.tokensPerSecond(),
              report.remaining().toSeconds()));
    }
    if (samples.isDue(report.step()) && report.step() < report.steps()) {
      line("Sample after step " + report.step() + ":");
      line(samples.brief().indent(2).stripTrailing());
    }
  }

  @Override
  public void onEvaluation(long step, Evaluation evaluation) {
    line(
        String.format(
            Locale.ROOT,
            "Validation loss after step %,d: %.4f nats a token (%,d tokens).",
            step,
            evaluation.loss(),
            evaluation.labels()));
  }

  @Override
  public void onCheckpoint(Checkpoint checkpoint) {
    line("Checkpoint: " + checkpoint.folder());
  }

  @Override
  public void onNotice(String sentence) {
    console.note(sentence);
  }

  private void line(String text) {
    if (bar != null) {
      // Off the bar's own line.
      console.say("");
    }
    console.say(text);
  }

  @Override
  public void close() {
    finish();
  }

  /** Ends the bar; what is printed afterwards stands below it. */
  void finish() {
    ProgressBar shown = bar;
    if (shown != null) {
      shown.close();
    }
  }
}
