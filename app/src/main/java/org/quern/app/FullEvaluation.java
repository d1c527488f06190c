package org.quern.app;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.quern.Model;
import org.quern.data.BatchSource;
import org.quern.exec.CancelledException;
import org.quern.train.Evaluation;
import org.quern.train.Evaluator;

/** The loss over all of the held-out text, in windows side by side. */
final class FullEvaluation {
  private final Model model;
  private final BatchSource text;
  private @Nullable Evaluator running;
  private boolean cancelled;

  FullEvaluation(Model model, BatchSource text) {
    this.model = model;
    this.text = text;
  }

  /** Evaluates; empty if it was cancelled. */
  Optional<Evaluation> run() {
    try (Evaluator evaluator =
        new Evaluator(
            model.backend(), model.architecture(), model.memory(), text.batch(), text.time())) {
      if (!begin(evaluator)) {
        return Optional.empty();
      }
      return Optional.of(evaluator.evaluate(text, Long.MAX_VALUE));
    } catch (CancelledException e) {
      return Optional.empty();
    } finally {
      end();
    }
  }

  private synchronized boolean begin(Evaluator evaluator) {
    running = evaluator;
    return !cancelled;
  }

  private synchronized void end() {
    running = null;
  }

  /** Makes the evaluation, if there is or will be one, end without a result; for any thread. */
  synchronized void cancel() {
    cancelled = true;
    Evaluator evaluator = running;
    if (evaluator != null) {
      evaluator.cancel();
    }
  }
}
