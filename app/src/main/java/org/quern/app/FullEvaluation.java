package org.quern.app;

import org.quern.Model;
import org.quern.data.BatchSource;
import org.quern.train.Evaluation;
import org.quern.train.Evaluator;

/** The loss over all of the held-out text, in windows side by side. */
final class FullEvaluation {
  private final Model model;
  private final BatchSource text;

  FullEvaluation(Model model, BatchSource text) {
    this.model = model;
    this.text = text;
  }

  Evaluation run() {
    try (Evaluator evaluator =
        new Evaluator(
            model.backend(), model.architecture(), model.memory(), text.batch(), text.time())) {
      return evaluator.evaluate(text, Long.MAX_VALUE);
    }
  }
}
