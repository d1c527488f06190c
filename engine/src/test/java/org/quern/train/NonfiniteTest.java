package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.ir.Region;

class NonfiniteTest {
  private static final String BACKENDS = "org.quern.train.TrainingFixture#backends";

  @TempDir Path folder;

  /** Spoils a weight after a step and keeps the weights as they then are. */
  private static final class Poison implements TrainingListener {
    private final TrainingFixture fixture;
    private final String parameter;
    private final float value;
    private float[] weights = {};

    Poison(TrainingFixture fixture, String parameter, float value) {
      this.fixture = fixture;
      this.parameter = parameter;
      this.value = value;
    }

    @Override
    public void onStep(StepReport report) {
      if (report.step() == 3) {
        MemorySegment target = fixture.model.memory().segment(Region.PARAMETERS, parameter);
        target.setAtIndex(ValueLayout.JAVA_FLOAT, 0, value);
        weights = fixture.weights();
      }
    }
  }

  @ParameterizedTest
  @MethodSource(BACKENDS)
  void aSpoiledWeightIsNamedAndNothingElseChanges(String backend) {
    try (TrainingFixture fixture = TrainingFixture.open(backend, TrainingFixture.gpt2(0.1f))) {
      Poison poison = new Poison(fixture, "transformer.h.1.ln_2.weight", Float.NaN);
      try (Trainer trainer =
          fixture.trainer(
              TrainingFixture.batches(), TrainingFixture.options(9).withAccumulation(3), poison)) {
        NonfiniteException thrown = catchThrowableOfType(NonfiniteException.class, trainer::train);
        assertThat(thrown.step()).isEqualTo(4);
        assertThat(thrown.operation()).isEqualTo("the parameter transformer.h.1.ln_2.weight");
        assertThat(thrown)
            .hasMessageContaining("Step 4 gave a number that is not finite, first in the parameter")
            .hasMessageContaining("still those of step 3");
        assertThat(trainer.step()).isEqualTo(3);
      }
      assertThat(fixture.weights()).isEqualTo(poison.weights);
    }
  }

  @ParameterizedTest
  @MethodSource(BACKENDS)
  void anOverflowIsNamedByTheOperationThatMadeIt(String backend) {
    try (TrainingFixture fixture = TrainingFixture.open(backend, TrainingFixture.gpt2(0))) {
      // Finite itself, but not when multiplied by anything larger than 1.13.
      Poison poison = new Poison(fixture, "transformer.ln_f.weight", 3e38f);
      try (Trainer trainer =
          fixture.trainer(TrainingFixture.batches(), TrainingFixture.options(9), poison)) {
        NonfiniteException thrown = catchThrowableOfType(NonfiniteException.class, trainer::train);
        assertThat(thrown.step()).isEqualTo(4);
        assertThat(thrown.operation()).startsWith("LayerNorm #");
      }
      assertThat(fixture.weights()).isEqualTo(poison.weights);
    }
  }

  @Test
  void aLearningRateThatIsFarTooHighEndsInASentence() {
    try (TrainingFixture fixture = TrainingFixture.open(TrainingFixture.gpt2(0));
        Trainer trainer =
            fixture.trainer(
                TrainingFixture.batches(),
                TrainingFixture.options(99)
                    .withSchedule(Schedule.constant(1e25))
                    .withOptimizer(new Optimizer.AdamW(0.9f, 0.95f, 1e-8f, 0)),
                TrainingListener.NONE)) {
      NonfiniteException thrown = catchThrowableOfType(NonfiniteException.class, trainer::train);
      assertThat(thrown.step()).isGreaterThan(1);
      assertThat(thrown.operation()).isNotEmpty();
    }
  }

  @Test
  void leavesACheckpointToGoOnFromMoreCarefully() {
    TrainingOptions options = TrainingFixture.options(9).withFolder(folder);
    TrainingOptions reckless = options.withSchedule(Schedule.constant(1e25));
    float[] weights;
    long last;
    try (TrainingFixture fixture = TrainingFixture.open(TrainingFixture.gpt2(0));
        Trainer trainer =
            fixture.trainer(TrainingFixture.batches(), reckless, TrainingListener.NONE)) {
      NonfiniteException thrown = catchThrowableOfType(NonfiniteException.class, trainer::train);
      last = thrown.step() - 1;
      weights = fixture.weights();
    }
    assertThat(Checkpoint.list(folder)).extracting(Checkpoint::step).containsExactly(last);
    assertThat(JsonLog.read(folder.resolve(JsonLog.FILE))).hasSize((int) last);
    List<String> notices = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void onNotice(String sentence) {
            notices.add(sentence);
          }
        };
    try (TrainingFixture fixture = TrainingFixture.open(TrainingFixture.gpt2(0));
        Trainer trainer = fixture.trainer(TrainingFixture.batches(), options, listener)) {
      assertThat(trainer.resume()).isPresent();
      assertThat(fixture.weights()).isEqualTo(weights);
      assertThat(trainer.step()).isEqualTo(last);
    }
    assertThat(notices).singleElement().asString().contains("the schedule is now Constant");
  }
}
