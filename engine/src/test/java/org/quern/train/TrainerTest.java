package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.data.BatchSource;
import org.quern.model.ModelConfig;

class TrainerTest {
  private static final String BACKENDS = "org.quern.train.TrainingFixture#backends";

  @ParameterizedTest
  @MethodSource(BACKENDS)
  void aTinyGpt2LearnsAShortTextByHeart(String backend) {
    assertLearnsByHeart(backend, TrainingFixture.gpt2(0));
  }

  @ParameterizedTest
  @MethodSource(BACKENDS)
  void aTinyLlamaLearnsAShortTextByHeart(String backend) {
    assertLearnsByHeart(backend, TrainingFixture.llama());
  }

  private static void assertLearnsByHeart(String backend, ModelConfig config) {
    try (TrainingFixture fixture = TrainingFixture.open(backend, config);
        Trainer trainer =
            fixture.trainer(
                BatchSource.sequential(TrainingFixture.tokens().slice(0, 4 * 16 + 1), 4, 16),
                TrainingFixture.options(400).withSchedule(new Schedule.Cosine(1e-2, 1e-4, 10, 400)),
                TrainingListener.NONE)) {
      assertThat(trainer.train().loss()).isLessThan(0.02f);
    }
  }

  @Test
  void tellsItsListenersEverything() {
    List<String> told = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void onStart(TrainingStart start) {
            told.add("start " + start.step() + " of " + start.steps());
            assertThat(start.tokensPerStep()).isEqualTo(2 * 4 * 16);
            assertThat(start.parameters()).isPositive();
            assertThat(start.stepsPerEpoch()).isPositive();
          }

          @Override
          public void onStep(StepReport report) {
            told.add("step " + report.step());
            assertThat(report.loss()).isBetween(0f, 5f);
            assertThat(report.gradNorm()).isPositive();
            assertThat(report.learningRate()).isEqualTo(3e-3f);
            assertThat(report.tokensPerSecond()).isPositive();
            assertThat(report.elapsed()).isPositive();
            assertThat(report.remaining().isNegative()).isFalse();
          }

          @Override
          public void onEvaluation(long step, Evaluation evaluation) {
            told.add("evaluation " + step);
          }

          @Override
          public void onStop(TrainingResult result) {
            told.add("stop " + result.step());
          }
        };
    try (TrainingFixture fixture = TrainingFixture.open(TrainingFixture.gpt2(0.1f));
        Trainer trainer =
            fixture.trainer(
                TrainingFixture.batches(),
                Optional.of(BatchSource.sequential(TrainingFixture.tokens(), 3, 8)),
                TrainingFixture.options(5).withAccumulation(2).withEvaluation(2, 0),
                TrainingListener.all(TrainingListener.NONE, listener))) {
      TrainingResult result = trainer.train();
      assertThat(result.finished()).isTrue();
      assertThat(result.step()).isEqualTo(5);
      assertThat(result.evaluation()).isPresent();
      assertThat(result.checkpoint()).isEmpty();
    }
    assertThat(told)
        .containsExactly(
            "start 0 of 5",
            "step 1",
            "step 2",
            "evaluation 2",
            "step 3",
            "step 4",
            "evaluation 4",
            "step 5",
            "evaluation 5",
            "stop 5");
  }

  @Test
  void theSameTrainingGivesTheSameBits() {
    ModelConfig config = TrainingFixture.gpt2(0.2f);
    float[] first = trained(config, 3);
    assertThat(trained(config, 3)).isEqualTo(first);
    assertThat(trained(config, 4)).as("with other dropout").isNotEqualTo(first);
  }

  private static float[] trained(ModelConfig config, long seed) {
    try (TrainingFixture fixture = TrainingFixture.open(config);
        Trainer trainer =
            fixture.trainer(
                TrainingFixture.batches(),
                TrainingFixture.options(10).withSeed(seed),
                TrainingListener.NONE)) {
      trainer.train();
      return fixture.weights();
    }
  }

  @Test
  void anEvaluationChangesNothing() {
    ModelConfig config = TrainingFixture.gpt2(0.2f);
    float[] without = trained(config, 3);
    try (TrainingFixture fixture = TrainingFixture.open(config);
        Trainer trainer =
            fixture.trainer(
                TrainingFixture.batches(),
                Optional.of(BatchSource.sequential(TrainingFixture.tokens(), 2, 32)),
                TrainingFixture.options(10).withEvaluation(1, 2),
                TrainingListener.NONE)) {
      trainer.train();
      assertThat(fixture.weights()).isEqualTo(without);
    }
  }

  @Test
  void stopsFromAnotherThreadAndGoesOnToTheSameBits() throws Exception {
    ModelConfig config = TrainingFixture.gpt2(0.2f);
    TrainingOptions options = TrainingFixture.options(400);
    float[] expected;
    try (TrainingFixture fixture = TrainingFixture.open(config);
        Trainer trainer =
            fixture.trainer(TrainingFixture.batches(), options, TrainingListener.NONE)) {
      trainer.train();
      expected = fixture.weights();
    }
    try (TrainingFixture fixture = TrainingFixture.open(config);
        Trainer trainer =
            fixture.trainer(TrainingFixture.batches(), options, TrainingListener.NONE)) {
      int stops = 0;
      for (TrainingResult result = null; result == null || !result.finished(); stops++) {
        Thread stopper =
            Thread.ofPlatform()
                .start(() -> {
                  sleep(20);
                  trainer.stop();
                });
        result = trainer.train();
        stopper.join();
        assertThat(result.finished()).isEqualTo(result.step() == 400);
        assertThat(trainer.step()).isEqualTo(result.step());
      }
      assertThat(stops).as("runs it took").isGreaterThan(1);
      assertThat(fixture.weights()).isEqualTo(expected);
    }
  }

  private static void sleep(long milliseconds) {
    try {
      Thread.sleep(milliseconds);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void aStopBeforeTheStartIsObeyedOnce() {
    try (TrainingFixture fixture = TrainingFixture.open(TrainingFixture.gpt2(0));
        Trainer trainer =
            fixture.trainer(
                TrainingFixture.batches(), TrainingFixture.options(3), TrainingListener.NONE)) {
      trainer.stop();
      assertThat(trainer.train().step()).isZero();
      assertThat(trainer.train().step()).isEqualTo(3);
      assertThat(trainer.train().step()).isEqualTo(3);
    }
  }

  @Test
  void refusesRowsBeyondTheContext() {
    try (TrainingFixture fixture = TrainingFixture.open(TrainingFixture.gpt2(0))) {
      assertThatThrownBy(() ->
              fixture.trainer(
                  BatchSource.sequential(TrainingFixture.tokens(), 1, 33),
                  TrainingFixture.options(1),
                  TrainingListener.NONE))
          .isInstanceOf(TrainingException.class)
          .hasMessage(
              "The batches have rows of 33 tokens, but the model's context is 32; choose shorter"
                  + " rows or a model with a longer context.");
    }
  }

  @Test
  @SuppressWarnings("try") // Closes twice, on purpose.
  void closingTheEngineOrTheModelEndsATrainingWithASentence() {
    for (boolean engine : new boolean[] {true, false}) {
      try (TrainingFixture fixture = TrainingFixture.open(TrainingFixture.gpt2(0))) {
        TrainingListener closer =
            new TrainingListener() {
              @Override
              public void onStep(StepReport report) {
                if (report.step() == 3) {
                  if (engine) {
                    fixture.engine.close();
                  } else {
                    fixture.model.close();
                  }
                }
              }
            };
        try (Trainer trainer =
            fixture.trainer(TrainingFixture.batches(), TrainingFixture.options(9), closer)) {
          assertThatThrownBy(trainer::train).hasMessageContaining("is closed");
          trainer.close();
          trainer.stop();
        }
      }
    }
  }

  @Test
  void refusesOptionsThatMakeNoSense() {
    TrainingOptions options = TrainingOptions.of(10);
    assertThatThrownBy(() -> TrainingOptions.of(0)).hasMessageContaining("number of steps is 0");
    assertThatThrownBy(() -> options.withAccumulation(0)).hasMessageContaining("micro batches");
    assertThatThrownBy(() -> options.withMaxNorm(Float.NaN)).hasMessageContaining("norm");
    assertThatThrownBy(() -> options.withEvaluation(-1, 0)).hasMessageContaining("evaluations");
    assertThatThrownBy(() -> options.withCheckpoints(1, 0)).hasMessageContaining("kept");
    assertThatThrownBy(() -> new Optimizer.AdamW(1, 0.9f, 1e-8f, 0)).hasMessageContaining("beta1");
    assertThatThrownBy(() -> new Optimizer.Sgd(0.9f, -1)).hasMessageContaining("decay");
  }
}
