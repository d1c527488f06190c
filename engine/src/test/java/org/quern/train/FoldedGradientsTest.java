package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.data.BatchSource;
import org.quern.exec.LinkedMemory;
import org.quern.ir.Region;
import org.quern.ir.Update;
import org.quern.ir.Value;
import org.quern.model.CausalLanguageModel;
import org.quern.model.Gpt2Config;
import org.quern.model.ModelConfig;
import org.quern.plan.Plan;

/** Gradients that are gone as soon as the optimizer has used them. */
class FoldedGradientsTest {
  private static final String BACKENDS = "org.quern.train.TrainingFixture#backends";
  private static final Optimizer ADAMW = new Optimizer.AdamW(0.9f, 0.95f, 1e-8f, 0.1f);
  private static final Optimizer SGD = new Optimizer.Sgd(0.9f, 0.01f);

  /** The gradients of this one overflow when they are squared, and only these. */
  private static final String OVERFLOWING = "transformer.h.0.attn.c_attn.weight";

  @TempDir Path folder;

  /** What twenty steps leave. */
  private record Outcome(List<Float> losses, List<Float> norms, float[] weights, float[] first) {}

  private static Outcome train(String backend, ModelConfig config, Update update) {
    try (TrainingFixture fixture = TrainingFixture.open(backend, config, 2)) {
      BatchSource source = TrainingFixture.batches();
      Plan plan = Plan.of(TrainingProgram.graph(fixture.model.architecture(), source, update));
      List<Float> losses = new ArrayList<>();
      List<Float> norms = new ArrayList<>();
      try (TrainingProgram program =
          new TrainingProgram(
              fixture.engine.backend(), plan, LinkedMemory.of(fixture.model.memory()), source, 1)) {
        for (int step = 0; step < 20; step++) {
          assertThat(program.run(source, step, 3e-3f, 0, 7)).isTrue();
          losses.add(program.loss());
          norms.add(program.gradNorm());
        }
      }
      assertThat(fixture.model.memory().has(Region.GRADIENTS)).isNotEqualTo(update.folds());
      return new Outcome(losses, norms, fixture.weights(), fixture.copy(Region.FIRST_MOMENTS));
    }
  }

  @ParameterizedTest
  @MethodSource(BACKENDS)
  void stepsAreThoseWithGradientsKept(String backend) {
    for (ModelConfig config : List.of(TrainingFixture.gpt2(0.1f), TrainingFixture.llama())) {
      for (Optimizer optimizer : List.of(ADAMW, SGD)) {
        Outcome kept = train(backend, config, optimizer.keepingGradients());
        Outcome folded = train(backend, config, optimizer.foldingGradients());
        assertThat(folded.losses()).isEqualTo(kept.losses());
        assertThat(folded.norms()).isEqualTo(kept.norms());
        assertThat(folded.weights()).isEqualTo(kept.weights());
        assertThat(folded.first()).isEqualTo(kept.first());
        assertThat(kept.losses().getLast()).isLessThan(kept.losses().getFirst());
      }
    }
  }

  @Test
  void thePlanHoldsFewOfThemAtOnce() {
    CausalLanguageModel model = CausalLanguageModel.of(Gpt2Config.of(64, 16, 64, 8, 4));
    BatchSource source = TrainingFixture.batches();
    Plan kept = Plan.of(TrainingProgram.graph(model, source, ADAMW.keepingGradients()));
    Plan folded = Plan.of(TrainingProgram.graph(model, source, ADAMW.foldingGradients()));
    assertThat(kept.graph().values()).extracting(Value::region).contains(Region.GRADIENTS);
    assertThat(folded.graph().values()).extracting(Value::region).doesNotContain(Region.GRADIENTS);
    long all = model.layout().elements() * Float.BYTES;
    assertThat(folded.bytes(Region.ACTIVATIONS))
        .isLessThan(kept.bytes(Region.ACTIVATIONS) + all / 8);
  }

  @Test
  void onlyWhatNeedsAllGradientsKeepsThem() {
    TrainingOptions options = TrainingOptions.of(10);
    assertThat(options.withMaxNorm(0).foldsGradients()).isTrue();
    assertThat(options.withMaxNorm(1).foldsGradients()).isFalse();
    assertThat(options.withMaxNorm(0).withAccumulation(2).foldsGradients()).isFalse();
  }

  private static TrainingOptions options(long steps) {
    return TrainingFixture.options(steps).withMaxNorm(0);
  }

  /** After the third step. */
  private static TrainingListener afterThree(Runnable then) {
    return new TrainingListener() {
      @Override
      public void onStep(StepReport report) {
        if (report.step() == 3) {
          then.run();
        }
      }
    };
  }

  private static MemorySegment parameter(TrainingFixture fixture, String name) {
    return fixture.model.memory().segment(Region.PARAMETERS, name);
  }

  @ParameterizedTest
  @MethodSource(BACKENDS)
  void aLossThatIsNotFiniteChangesNothing(String backend) {
    try (TrainingFixture fixture = TrainingFixture.open(backend, TrainingFixture.gpt2(0), 2)) {
      List<float[]> weights = new ArrayList<>();
      TrainingListener poison =
          afterThree(() -> {
            parameter(fixture, "transformer.ln_f.weight")
                .setAtIndex(ValueLayout.JAVA_FLOAT, 0, 3e38f);
            weights.add(fixture.weights());
          });
      try (Trainer trainer = fixture.trainer(TrainingFixture.batches(), options(9), poison)) {
        NonfiniteException thrown = catchThrowableOfType(NonfiniteException.class, trainer::train);
        assertThat(thrown.operation()).startsWith("LayerNorm #");
        assertThat(thrown.isTorn()).isFalse();
        assertThat(thrown).hasMessageContaining("still those of step 3");
      }
      assertThat(fixture.weights()).isEqualTo(weights.getFirst());
    }
  }

  /** The loss stays finite, since what overflows is multiplied by zero on the way to it. */
  private static void overflow(TrainingFixture fixture) {
    parameter(fixture, OVERFLOWING).fill((byte) 0);
    MemorySegment gamma = parameter(fixture, "transformer.h.0.ln_1.weight");
    for (int i = 0; i < gamma.byteSize() / Float.BYTES; i++) {
      gamma.setAtIndex(ValueLayout.JAVA_FLOAT, i, 1e30f);
    }
  }

  @ParameterizedTest
  @MethodSource(BACKENDS)
  void aGradientThatIsNotFiniteStopsItsUpdateAndLaterOnes(String backend) {
    try (TrainingFixture fixture = TrainingFixture.open(backend, TrainingFixture.gpt2(0), 2)) {
      List<float[]> before = new ArrayList<>();
      TrainingListener poison =
          afterThree(() -> {
            overflow(fixture);
            before.add(fixture.weights());
          });
      TrainingOptions options = options(9).withFolder(folder).withCheckpoints(2, 2);
      try (Trainer trainer = fixture.trainer(TrainingFixture.batches(), options, poison)) {
        NonfiniteException thrown = catchThrowableOfType(NonfiniteException.class, trainer::train);
        assertThat(thrown.isTorn()).isTrue();
        assertThat(thrown.step()).isEqualTo(4);
        assertThat(thrown.operation()).isEqualTo("the gradient of " + OVERFLOWING);
        assertThat(thrown).hasMessageContaining("go on from the last checkpoint");
        assertThatThrownBy(trainer::train).hasMessageContaining("parts of two steps");

        float[] after = fixture.weights();
        for (float weight : after) {
          assertThat(weight).isFinite();
        }
        assertThat(changed(fixture, before.getFirst(), after))
            .contains("transformer.h.1.mlp.c_fc.weight", "transformer.h.0.mlp.c_proj.weight")
            .doesNotContain(OVERFLOWING, "transformer.wte.weight", "transformer.h.1.mlp.c_fc.bias");
        // That of step 2, and none of step 3, whose parameters are gone.
        assertThat(Checkpoint.list(folder)).extracting(Checkpoint::step).containsExactly(2L);
        assertThat(trainer.resume()).isPresent();
        assertThat(trainer.step()).isEqualTo(2);
      }
    }
  }

  @Test
  void withClippingTheSameGradientChangesNothing() {
    try (TrainingFixture fixture = TrainingFixture.open(TrainingFixture.gpt2(0))) {
      List<float[]> before = new ArrayList<>();
      TrainingListener poison =
          afterThree(() -> {
            overflow(fixture);
            before.add(fixture.weights());
          });
      TrainingOptions options = options(9).withMaxNorm(1);
      try (Trainer trainer = fixture.trainer(TrainingFixture.batches(), options, poison)) {
        NonfiniteException thrown = catchThrowableOfType(NonfiniteException.class, trainer::train);
        assertThat(thrown.isTorn()).isFalse();
        assertThat(thrown.operation()).startsWith("the norm of the gradients");
      }
      assertThat(fixture.weights()).isEqualTo(before.getFirst());
    }
  }

  private static List<String> changed(TrainingFixture fixture, float[] before, float[] after) {
    return fixture.model.memory().layout().parameters().stream()
        .filter(parameter -> {
          int first = (int) fixture.model.memory().layout().offset(parameter.name());
          for (int i = 0; i < parameter.shape().elements(); i++) {
            if (before[first + i] != after[first + i]) {
              return true;
            }
          }
          return false;
        })
        .map(parameter -> parameter.name())
        .toList();
  }

  @ParameterizedTest
  @MethodSource(BACKENDS)
  void aStopNeverLeavesPartOfAStep(String backend) throws InterruptedException {
    float[] expected;
    try (TrainingFixture fixture = TrainingFixture.open(backend, TrainingFixture.gpt2(0.1f))) {
      try (Trainer trainer =
          fixture.trainer(TrainingFixture.batches(), options(60), TrainingListener.NONE)) {
        trainer.train();
      }
      expected = fixture.weights();
    }
    try (TrainingFixture fixture = TrainingFixture.open(backend, TrainingFixture.gpt2(0.1f));
        Trainer trainer =
            fixture.trainer(TrainingFixture.batches(), options(60), TrainingListener.NONE)) {
      AtomicBoolean ended = new AtomicBoolean();
      Thread stopper =
          Thread.ofPlatform()
              .start(() -> {
                while (!ended.get()) {
                  trainer.stop();
                  Thread.onSpinWait();
                  java.util.concurrent.locks.LockSupport.parkNanos(700_000);
                }
              });
      int calls = 0;
      try {
        while (trainer.step() < 60) {
          trainer.train();
          assertThat(++calls).isLessThan(1_000_000);
        }
      } finally {
        ended.set(true);
        stopper.join();
      }
      assertThat(fixture.weights()).isEqualTo(expected);
    }
  }

  @Test
  void aTrainingMayGoOnWithAndWithoutThem() {
    for (float maxNorm : new float[] {1, 0, 1}) {
      boolean first = Checkpoint.list(folder).isEmpty();
      long steps = first ? 3 : Checkpoint.list(folder).getLast().step() + 3;
      try (TrainingFixture fixture = TrainingFixture.open(TrainingFixture.gpt2(0));
          Trainer trainer =
              fixture.trainer(
                  TrainingFixture.batches(),
                  options(steps).withMaxNorm(maxNorm).withFolder(folder),
                  TrainingListener.NONE)) {
        assertThat(trainer.resume().isPresent()).isNotEqualTo(first);
        assertThat(trainer.train().step()).isEqualTo(steps);
      }
    }
  }
}
