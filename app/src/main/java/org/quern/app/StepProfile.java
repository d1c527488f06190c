package org.quern.app;

import org.jspecify.annotations.Nullable;
import org.quern.Engine;
import org.quern.profile.Profiler;
import org.quern.profile.Roofline;
import org.quern.train.StepReport;
import org.quern.train.TrainingListener;
import org.quern.train.TrainingResult;
import org.quern.train.TrainingStart;

/** Profiles some steps of a training, once the first few have warmed it up. */
final class StepProfile implements TrainingListener, AutoCloseable {
  /** Steps at most that are not timed: pages are touched for the first time, Java is compiled. */
  private static final long WARM_UP = 3;

  private final Engine engine;
  private final long count;
  private final Roofline roofline;
  private @Nullable Profiler profiler;
  private long first;
  private long last;

  /** Measures the roofline, so before memory is taken by a model. */
  StepProfile(Engine engine, long count) {
    this.engine = engine;
    this.count = count;
    roofline = engine.measureRoofline();
  }

  @Override
  public void onStart(TrainingStart start) {
    first = start.step() + Math.min(WARM_UP, start.steps() - start.step() - 1);
    last = Math.min(first + count, start.steps());
    begin(start.step());
  }

  @Override
  public void onStep(StepReport report) {
    begin(report.step());
    // What follows the last step, such as an evaluation, is no part of it.
    if (report.step() >= last) {
      close();
    }
  }

  @Override
  public void onStop(TrainingResult result) {
    close();
  }

  private void begin(long step) {
    if (step == first && profiler == null) {
      profiler = engine.profile();
    }
  }

  void print(Console console) {
    close();
    Profiler done = profiler;
    if (done != null) {
      Profiles.print(console.out(), done, roofline);
    }
  }

  /** Ends the timing, which the training may not have reached. */
  @Override
  public void close() {
    Profiler begun = profiler;
    if (begun != null) {
      begun.close();
    }
  }
}
