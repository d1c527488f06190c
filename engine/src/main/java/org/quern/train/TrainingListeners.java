package org.quern.train;

import java.nio.file.Path;

/** Passes everything on. */
record TrainingListeners(TrainingListener... listeners) implements TrainingListener {
  @Override
  public void onStart(TrainingStart start) {
    for (TrainingListener listener : listeners) {
      listener.onStart(start);
    }
  }

  @Override
  public void onStep(StepReport report) {
    for (TrainingListener listener : listeners) {
      listener.onStep(report);
    }
  }

  @Override
  public void onEvaluation(long step, Evaluation evaluation) {
    for (TrainingListener listener : listeners) {
      listener.onEvaluation(step, evaluation);
    }
  }

  @Override
  public void onSave(Path folder) {
    for (TrainingListener listener : listeners) {
      listener.onSave(folder);
    }
  }

  @Override
  public void onCheckpoint(Checkpoint checkpoint) {
    for (TrainingListener listener : listeners) {
      listener.onCheckpoint(checkpoint);
    }
  }

  @Override
  public void onNotice(String sentence) {
    for (TrainingListener listener : listeners) {
      listener.onNotice(sentence);
    }
  }

  @Override
  public void onStop(TrainingResult result) {
    for (TrainingListener listener : listeners) {
      listener.onStop(result);
    }
  }
}
