package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.data.BatchSource;
import org.quern.exec.Executable;
import org.quern.exec.LinkedMemory;
import org.quern.exec.nativecpu.NativeKernels;
import org.quern.exec.nativecpu.NativeTier;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Node;
import org.quern.ir.Parameter;
import org.quern.ir.Precision;
import org.quern.ir.Region;
import org.quern.ir.Value;
import org.quern.ir.op.Embedding;
import org.quern.ir.op.Matmul;
import org.quern.memory.BFloat16;
import org.quern.model.CausalLanguageModel;
import org.quern.model.Gpt2Config;
import org.quern.model.LanguageModelGraphs;
import org.quern.model.LlamaConfig;
import org.quern.model.ModelConfig;

/** Weights that the optimizer writes in BF16 too, against weights that products round. */
class Bf16WeightsTest {
  private static final Optimizer SGD = new Optimizer.Sgd(0.9f, 0.01f);

  @TempDir Path folder;

  @BeforeAll
  static void needNativeKernels() {
    assumeTrue(NativeKernels.find().isLoaded(), "skipped: the native library is not there");
  }

  private static List<ModelConfig> configs() {
    return List.of(
        TrainingFixture.gpt2(0.1f),
        TrainingFixture.llama(),
        ((LlamaConfig) TrainingFixture.llama()).withTiedHead(true));
  }

  private record Outcome(float loss, float[] weights, float[] first, long bytes) {
    private void isAs(Outcome other) {
      assertThat(loss).isEqualTo(other.loss);
      assertThat(weights).isEqualTo(other.weights);
      assertThat(first).isEqualTo(other.first);
    }
  }

  private static Outcome train(
      TrainingFixture fixture, BatchSource source, TrainingOptions options) {
    try (Trainer trainer = fixture.trainer(source, options, TrainingListener.NONE)) {
      float loss = trainer.train().loss();
      return new Outcome(
          loss,
          fixture.weights(),
          fixture.copy(Region.FIRST_MOMENTS),
          trainer.memoryUse().bf16Weights());
    }
  }

  private static Outcome train(
      ModelConfig config, int threads, BatchSource source, TrainingOptions options) {
    try (TrainingFixture fixture = TrainingFixture.openBf16(config, threads)) {
      Outcome outcome = train(fixture, source, options);
      if (outcome.bytes() > 0) {
        expectCopies(fixture);
      }
      return outcome;
    }
  }

  /** A copy is its weight, rounded, or has never been written. */
  private static void expectCopies(TrainingFixture fixture) {
    int copies = 0;
    for (Parameter parameter : fixture.model.memory().layout().parameters()) {
      MemorySegment copy = fixture.model.memory().segment(Region.BF16_PARAMETERS, parameter.name());
      MemorySegment rounded = MemorySegment.ofArray(new byte[Math.toIntExact(copy.byteSize())]);
      BFloat16.round(fixture.model.memory().weights(parameter.name()), rounded);
      if (copy.mismatch(rounded) < 0) {
        copies += parameter.shape().rank() < 2 ? 0 : 1;
      } else {
        assertThat(copy.toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
      }
    }
    assertThat(copies).isPositive();
  }

  private static Stream<TrainingOptions> ways() {
    return TrainingFixture.waysOfUpdating()
        .map(options -> options.withSteps(5))
        .flatMap(options -> Stream.of(options, options.withOptimizer(SGD)))
        .flatMap(options -> Stream.of(options, options.withRecompute(Recompute.BLOCKS)));
  }

  @ParameterizedTest
  @MethodSource("ways")
  void stepsHaveTheSameBits(TrainingOptions options) {
    for (ModelConfig config : configs()) {
      Outcome without =
          train(config, 2, TrainingFixture.batches(), options.withBf16Weights(Bf16Weights.OFF));
      assertThat(without.bytes()).isZero();
      for (int threads = 1; threads <= 3; threads++) {
        Outcome with =
            train(
                config,
                threads,
                TrainingFixture.batches(),
                options.withBf16Weights(Bf16Weights.ON));
        with.isAs(without);
        assertThat(with.bytes()).isPositive();
      }
    }
  }

  private static TrainingOptions options(Bf16Weights kept) {
    return TrainingFixture.options(6).withMaxNorm(0).withBf16Weights(kept);
  }

  /** Products of up to eight rows round nothing, and so go on reading the weights. */
  @ParameterizedTest
  @ValueSource(ints = {7, 8, 9})
  void fewRowsHaveTheSameBits(int rows) {
    for (ModelConfig config : configs()) {
      List<Outcome> outcomes = new ArrayList<>();
      for (Bf16Weights kept : List.of(Bf16Weights.ON, Bf16Weights.OFF)) {
        BatchSource source = BatchSource.shuffled(TrainingFixture.tokens(), 1, rows, 11);
        outcomes.add(train(config, 1, source, options(kept)));
      }
      outcomes.getFirst().isAs(outcomes.getLast());
    }
  }

  @Test
  void everyTierHasTheSameBits() {
    for (NativeTier tier : NativeKernels.find().tiers()) {
      List<Outcome> outcomes = new ArrayList<>();
      for (Bf16Weights kept : List.of(Bf16Weights.ON, Bf16Weights.OFF)) {
        try (TrainingFixture fixture = TrainingFixture.openBf16(TrainingFixture.gpt2(0.1f), tier)) {
          outcomes.add(train(fixture, TrainingFixture.batches(), options(kept)));
        }
      }
      outcomes.getFirst().isAs(outcomes.getLast());
    }
  }

  /** Logits of a large vocabulary, made a few rows at a time, by a head that is the embedding. */
  @Test
  void chunksOfTheHeadHaveTheSameBits() {
    Gpt2Config config = Gpt2Config.of(20_000, 256, 16, 1, 2);
    List<float[]> weights = new ArrayList<>();
    for (Bf16Weights kept : List.of(Bf16Weights.ON, Bf16Weights.OFF)) {
      try (TrainingFixture fixture = TrainingFixture.openBf16(config, 2)) {
        StepPlan step =
            StepPlan.of(
                fixture.model.architecture(), 2, 256, options(kept), fixture.engine.backend());
        assertThat(step.plan().graph().nodes())
            .filteredOn(node -> node.op() instanceof Matmul)
            .hasSize(4 + 2);
        try (Executable program =
            fixture.engine.backend().link(step.plan(), LinkedMemory.of(fixture.model.memory()))) {
          program.step().update(true);
          program.step().learningRate(1e-2f);
          for (int count = 1; count <= 3; count++) {
            program.step().step(count);
            TrainingFixture.runOnce(program, config, 512);
          }
        }
        weights.add(fixture.weights());
      }
    }
    assertThat(weights.getFirst()).isEqualTo(weights.getLast());
  }

  @Test
  void aResumedTrainingGoesOnWithTheWeightsOfItsCheckpoint() {
    Outcome whole =
        train(TrainingFixture.gpt2(0.1f), 1, TrainingFixture.batches(), options(Bf16Weights.OFF));
    TrainingOptions saved = options(Bf16Weights.ON).withFolder(folder);
    train(
        TrainingFixture.gpt2(0.1f),
        1,
        TrainingFixture.batches(),
        saved.withSteps(3).withSchedule(saved.schedule()));
    try (TrainingFixture fixture = TrainingFixture.openBf16(TrainingFixture.gpt2(0.1f), 1);
        Trainer trainer =
            fixture.trainer(TrainingFixture.batches(), saved, TrainingListener.NONE)) {
      assertThat(trainer.resume()).isPresent();
      trainer.train();
      assertThat(fixture.weights()).isEqualTo(whole.weights());
      expectCopies(fixture);
    }
  }

  /** Between steps anybody may change weights: by hand, or by another training without copies. */
  @Test
  void weightsThatOthersChangeAreRoundedAnew() {
    List<Outcome> outcomes = new ArrayList<>();
    for (Bf16Weights kept : List.of(Bf16Weights.ON, Bf16Weights.OFF)) {
      try (TrainingFixture fixture = TrainingFixture.openBf16(TrainingFixture.gpt2(0), 1);
          Trainer other =
              fixture.trainer(
                  TrainingFixture.batches(),
                  options(Bf16Weights.OFF).withSteps(2),
                  TrainingListener.NONE)) {
        TrainingListener change =
            new TrainingListener() {
              @Override
              public void onStep(StepReport report) {
                if (report.step() == 2) {
                  fixture
                      .model
                      .memory()
                      .segment(Region.PARAMETERS, "transformer.wte.weight")
                      .setAtIndex(ValueLayout.JAVA_FLOAT, 40, 0.25f);
                } else if (report.step() == 4) {
                  other.train();
                }
              }
            };
        try (Trainer trainer = fixture.trainer(TrainingFixture.batches(), options(kept), change)) {
          trainer.train();
          outcomes.add(new Outcome(0, fixture.weights(), fixture.copy(Region.FIRST_MOMENTS), 0));
        }
      }
    }
    outcomes.getFirst().isAs(outcomes.getLast());
  }

  /** Whether a step is left out as a whole, or after some parameters have been updated. */
  @ParameterizedTest
  @ValueSource(floats = {0, 1})
  void anUpdateThatIsNotMadeLeavesCopiesAsTheirWeights(float maxNorm) {
    String overflowing = "transformer.h.0.attn.c_attn.weight";
    try (TrainingFixture fixture = TrainingFixture.openBf16(TrainingFixture.gpt2(0), 2)) {
      TrainingListener poison =
          new TrainingListener() {
            @Override
            public void onStep(StepReport report) {
              if (report.step() == 3) {
                // The loss stays finite: what overflows is multiplied by zero on the way to it.
                fixture.model.memory().segment(Region.PARAMETERS, overflowing).fill((byte) 0);
                MemorySegment gamma =
                    fixture
                        .model
                        .memory()
                        .segment(Region.PARAMETERS, "transformer.h.0.ln_1.weight");
                for (long i = 0; i < gamma.byteSize() / Float.BYTES; i++) {
                  gamma.setAtIndex(ValueLayout.JAVA_FLOAT, i, 1e30f);
                }
              }
            }
          };
      try (Trainer trainer =
          fixture.trainer(
              TrainingFixture.batches(), options(Bf16Weights.ON).withMaxNorm(maxNorm), poison)) {
        NonfiniteException thrown = catchThrowableOfType(NonfiniteException.class, trainer::train);
        assertThat(thrown.isTorn()).isEqualTo(maxNorm == 0);
      }
      expectCopies(fixture);
    }
  }

  @Test
  void productsReadCopiesAndAllElseTheWeights() {
    try (TrainingFixture fixture = TrainingFixture.openBf16(TrainingFixture.gpt2(0), 1)) {
      Graph graph =
          StepPlan.of(
                  fixture.model.architecture(),
                  4,
                  TrainingFixture.TIME,
                  options(Bf16Weights.ON),
                  fixture.engine.backend())
              .plan()
              .graph();
      for (Node node : graph.nodes()) {
        if (node.op() instanceof Matmul || node.op() instanceof Matmul.InputGradient) {
          assertThat(node.input(1).region()).isEqualTo(Region.BF16_PARAMETERS);
        } else if (node.op() instanceof Embedding) {
          assertThat(node.input(1).dtype()).isEqualTo(DType.F32);
        } else if (node.changesParameters()) {
          // The table of positions is no product's.
          boolean copied =
              node.input(0).shape().rank() > 1 && !node.input(0).name().contains("wpe");
          assertThat(node.inputs()).hasSize(copied ? 6 : 5);
        }
      }
    }
  }

  /** The head goes by chunks of 256 rows, all else by 512. */
  @Test
  void productsOfMoreRowsThanTheLimitReadTheWeights() {
    CausalLanguageModel model = CausalLanguageModel.of(Gpt2Config.of(20_000, 256, 16, 1, 2));
    Graph graph =
        LanguageModelGraphs.training(
            model, 2, 256, options(Bf16Weights.ON).update(), Precision.BF16);
    graph.keepRoundedWeights(256);
    assertThat(graph.values())
        .filteredOn(value -> value.region() == Region.BF16_PARAMETERS)
        .extracting(Value::name)
        .containsExactly("transformer.wte.weight");
    assertThat(graph.nodes())
        .filteredOn(node -> node.changesParameters() && node.inputs().size() == 6)
        .hasSize(1);
  }

  @Test
  void theyAreKeptWhereTheyWereAskedForOrPay() {
    try (TrainingFixture bf16 = TrainingFixture.openBf16(TrainingFixture.gpt2(0), 1);
        TrainingFixture f32 = TrainingFixture.open(TrainingFixture.gpt2(0))) {
      boolean multiplies = bf16.engine.backend().multipliesBf16();
      assertThat(multiplies)
          .isEqualTo(NativeKernels.find().bestTier().compareTo(NativeTier.AVX512_BF16) >= 0);
      assertThat(Bf16Weights.AUTO.mostRows(bf16.engine.backend())).isEqualTo(multiplies ? 512 : 0);
      assertThat(Bf16Weights.ON.mostRows(bf16.engine.backend())).isEqualTo(Integer.MAX_VALUE);
      assertThat(Bf16Weights.OFF.mostRows(bf16.engine.backend())).isZero();
      for (Bf16Weights kept : Bf16Weights.values()) {
        assertThat(kept.mostRows(f32.engine.backend())).isZero();
      }
    }
  }
}
