package org.quern.app;

import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.quern.train.Checkpoint;
import org.quern.train.Evaluation;
import org.quern.train.StepReport;
import org.quern.train.TrainingListener;
import org.quern.train.TrainingResult;
import org.quern.train.TrainingStart;

/** Shows a training: a bar on a terminal, lines elsewhere; samples and evaluations between. */
final class Progress implements TrainingListener {
  private static final long LINE_NANOS = 5_000_000_000L;

  private final Console console;
  private final Samples samples;
  private final @Nullable ProgressBar bar;
  private long lastLine;

  Progress(Console console, Samples samples) {
    this.console = console;
    this.samples = samples;
    bar = console.terminal() ? new ProgressBar(console.out()) : null;
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
    console.say("Memory: " + start.memory() + ".");
    start.recomputation().ifPresent(price -> console.say(price.toString()));
    lastLine = System.nanoTime();
  }

  @Override
  public void onStep(StepReport report) {
    ProgressBar shown = bar;
    if (shown != null) {
      shown.update(report);
    } else if (System.nanoTime() - lastLine >= LINE_NANOS || report.step() == report.steps()) {
      lastLine = System.nanoTime();
      console.say(
          String.format(
              Locale.ROOT,
              "step %,d of %,d, loss %.3f, %,.0f tokens/s, %s left",
              report.step(),
              report.steps(),
              report.loss(),
              report.tokensPerSecond(),
              ProgressBar.time(report.remaining().toSeconds())));
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
    clearBar();
    console.note(sentence);
  }

  private void line(String text) {
    clearBar();
    console.say(text);
  }

  private void clearBar() {
    ProgressBar shown = bar;
    if (shown != null) {
      shown.clear();
    }
  }

  @Override
  public void onStop(TrainingResult result) {
    clearBar();
    PeakMemory.gibibytes()
        .ifPresent(peak ->
            console.say(
                String.format(Locale.ROOT, "Peak resident memory so far: %.2f GiB.", peak)));
  }
}
