package org.quern.train;

import java.nio.file.Path;

/**
 * Is told what a training does, on the thread that trains. What a listener throws ends the training
 * and reaches its caller.
 */
public interface TrainingListener {
  /** A listener that does nothing. */
  TrainingListener NONE = new TrainingListener() {};

  /** Before the first step. */
  default void onStart(TrainingStart start) {}

  /** After each step. The report is reused: read it now. */
  default void onStep(StepReport report) {}

  /** After an evaluation, which follows the report of its step. */
  default void onEvaluation(long step, Evaluation evaluation) {}

  /**
   * While a checkpoint is written: the place to add files of one's own to its folder, such as
   * {@code config.json} and the tokenizer.
   */
  default void onSave(Path folder) {}

  /** After a checkpoint is complete and on the disk. */
  default void onCheckpoint(Checkpoint checkpoint) {}

  /** Something that is no error but that people should know, as a sentence. */
  default void onNotice(String sentence) {}

  /** At the end, finished or stopped; not after an exception. */
  default void onStop(TrainingResult result) {}

  /** One listener that tells several, in order. */
  static TrainingListener all(TrainingListener... listeners) {
    return new TrainingListeners(listeners.clone());
  }
}
