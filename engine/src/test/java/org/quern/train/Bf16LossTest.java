package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.data.BatchSource;
import org.quern.data.TokenSpan;
import org.quern.exec.nativecpu.NativeKernels;
import org.quern.model.ModelConfig;

/** A training in BF16 comes to the loss that one in F32 comes to. */
class Bf16LossTest {
  private static final int STEPS = 400;
  private static final int LAST = 100;

  /** What the project promises of 2,000 steps on a real text. */
  private static final double NATS = 0.02;

  @BeforeAll
  static void needNativeKernels() {
    assumeTrue(NativeKernels.find().isLoaded(), "skipped: the native library is not there");
  }

  static List<ModelConfig> configs() {
    return List.of(TrainingFixture.gpt2(0), TrainingFixture.llama());
  }

  @ParameterizedTest
  @MethodSource("configs")
  void theLossIsTheSame(ModelConfig config) {
    double[] f32;
    double[] bf16;
    try (TrainingFixture fixture = TrainingFixture.open("native", config)) {
      f32 = losses(fixture);
    }
    try (TrainingFixture fixture = TrainingFixture.openBf16(config, 1)) {
      bf16 = losses(fixture);
    }
    assertThat(bf16).as("products are rounded").isNotEqualTo(f32);
    assertThat(last(f32)).as("it learns").isLessThan(0.6 * f32[0]);
    assertThat(last(bf16)).isCloseTo(last(f32), within(NATS));
  }

  private static double[] losses(TrainingFixture fixture) {
    double[] losses = new double[STEPS];
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void onStep(StepReport report) {
            losses[(int) report.step() - 1] = report.loss();
          }
        };
    try (Trainer trainer =
        fixture.trainer(
            BatchSource.shuffled(text(), 8, TrainingFixture.TIME, 11),
            TrainingFixture.options(STEPS).withSchedule(new Schedule.Cosine(1e-2, 1e-4, 10, STEPS)),
            listener)) {
      assertThat(trainer.train().finished()).isTrue();
    }
    return losses;
  }

  /** Too long to be learnt by heart: the fixture's words, one drawn after the other. */
  private static TokenSpan text() {
    String[] words = TrainingFixture.TEXT.split("\\s+");
    Random random = new Random(3);
    String text =
        Stream.generate(() -> words[random.nextInt(words.length)])
            .limit(20_000)
            .collect(Collectors.joining(" "));
    return TokenSpan.of(
        TrainingFixture.TOKENIZER.encode(text, false), TrainingFixture.TOKENIZER.vocabularySize());
  }

  private static double last(double[] losses) {
    double sum = 0;
    for (int step = STEPS - LAST; step < STEPS; step++) {
      sum += losses[step];
    }
    return sum / LAST;
  }
}
