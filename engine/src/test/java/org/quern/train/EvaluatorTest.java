package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.data.BatchSource;
import org.quern.data.TokenSpan;
import org.quern.exec.CancelledException;

class EvaluatorTest {
  private static Evaluator evaluator(TrainingFixture fixture, int batch, int time) {
    return new Evaluator(
        fixture.model.backend(), fixture.model.architecture(), fixture.model.memory(), batch, time);
  }

  @ParameterizedTest
  @MethodSource("org.quern.train.TrainingFixture#backends")
  void everyLabelCountsOnceHoweverTheTextIsCut(String backend) {
    // 4 windows of 16 and one of 5 labels: the last batch of each size is mostly padding.
    TokenSpan text = TrainingFixture.tokens().slice(0, 4 * 16 + 5 + 1);
    try (TrainingFixture fixture = TrainingFixture.open(backend, TrainingFixture.gpt2(0.5f))) {
      double sum = 0;
      try (Evaluator one = evaluator(fixture, 1, 16)) {
        for (int window = 0; window < 5; window++) {
          long labels = window < 4 ? 16 : 5;
          Evaluation part =
              one.evaluate(BatchSource.sequential(text.slice(window * 16L, labels + 1), 1, 16));
          assertThat(part.labels()).isEqualTo(labels);
          sum += part.loss() * labels;
        }
      }
      for (int batch : new int[] {1, 2, 3, 8}) {
        try (Evaluator evaluator = evaluator(fixture, batch, 16)) {
          BatchSource source = BatchSource.sequential(text, batch, 16);
          Evaluation whole = evaluator.evaluate(source);
          assertThat(whole.labels()).isEqualTo(4 * 16 + 5);
          assertThat(whole.loss()).as("batches of " + batch).isCloseTo(sum / 69, within(1e-6));
          assertThat(evaluator.evaluate(source)).as("again").isEqualTo(whole);
        }
      }
    }
  }

  @Test
  void takesAsManyBatchesAsAllowedFromTheBeginning() {
    try (TrainingFixture fixture = TrainingFixture.open(TrainingFixture.llama());
        Evaluator evaluator = evaluator(fixture, 2, 16)) {
      BatchSource source = BatchSource.sequential(TrainingFixture.tokens(), 2, 16);
      Evaluation two = evaluator.evaluate(source, 2);
      assertThat(two.labels()).isEqualTo(64);
      assertThat(evaluator.evaluate(source, 2)).isEqualTo(two);
      BatchSource endless = BatchSource.random(TrainingFixture.tokens(), 2, 16, 1);
      assertThat(evaluator.evaluate(endless).labels())
          .as("of an endless source, an epoch")
          .isEqualTo(endless.batchesPerEpoch() * 32);
    }
  }

  @Test
  void convertsItsLoss() {
    Evaluation evaluation = new Evaluation(2, 30);
    assertThat(evaluation.perplexity()).isEqualTo(Math.exp(2));
    assertThat(evaluation.lossPer(60)).isEqualTo(1);
  }

  @Test
  @SuppressWarnings("try") // closes twice on purpose
  void canBeCancelled() {
    try (TrainingFixture fixture = TrainingFixture.open(TrainingFixture.gpt2(0));
        Evaluator evaluator = evaluator(fixture, 2, 16)) {
      BatchSource source = BatchSource.sequential(TrainingFixture.tokens(), 2, 16);
      evaluator.cancel();
      assertThatThrownBy(() -> evaluator.evaluate(source)).isInstanceOf(CancelledException.class);
      assertThat(evaluator.evaluate(source).labels()).isPositive();
      evaluator.close();
      evaluator.close();
      evaluator.cancel();
      assertThatThrownBy(() -> evaluator.evaluate(source)).hasMessageContaining("closed");
    }
  }

  @Test
  void refusesABatchOfAnotherSize() {
    try (TrainingFixture fixture = TrainingFixture.open(TrainingFixture.gpt2(0));
        Evaluator evaluator = evaluator(fixture, 2, 16)) {
      assertThatThrownBy(
              () -> evaluator.evaluate(BatchSource.sequential(TrainingFixture.tokens(), 3, 16)))
          .hasMessageContaining("2 rows of 16 tokens, but the source gives 3 of 16");
    }
  }
}
