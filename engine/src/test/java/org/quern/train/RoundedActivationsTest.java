package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.exec.Executable;
import org.quern.exec.LinkedMemory;
import org.quern.exec.nativecpu.NativeKernels;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.GraphException;
import org.quern.ir.Node;
import org.quern.ir.Precision;
import org.quern.ir.Region;
import org.quern.ir.Update;
import org.quern.ir.Value;
import org.quern.ir.op.LayerNorm;
import org.quern.ir.op.Matmul;
import org.quern.ir.op.RmsNorm;
import org.quern.ir.op.Round;
import org.quern.model.CausalLanguageModel;
import org.quern.model.Gpt2Config;
import org.quern.model.LanguageModelGraphs;
import org.quern.model.LlamaConfig;
import org.quern.model.ModelConfig;
import org.quern.plan.Plan;
import org.quern.plan.PlanOptions;

/** What a training in BF16 keeps from its forward to its backward pass. */
class RoundedActivationsTest {
  private static final int BATCH = 3;
  private static final int TIME = 16;
  private static final int LAYERS = 2;

  @BeforeAll
  static void needNativeKernels() {
    assumeTrue(NativeKernels.find().isLoaded(), "skipped: the native library is not there");
  }

  private static Stream<ModelConfig> configs() {
    int vocabulary = TrainingFixture.TOKENIZER.vocabularySize();
    return Stream.of(
        Gpt2Config.of(vocabulary, 32, 32, LAYERS, 2).withDropout(0.2f),
        LlamaConfig.of(vocabulary, 32, 32, LAYERS, 4, 2, 64));
  }

  private static Graph graph(ModelConfig config, Precision precision) {
    CausalLanguageModel model = CausalLanguageModel.of(config);
    return LanguageModelGraphs.training(model, BATCH, TIME, Update.NONE, precision);
  }

  private record Outcome(float loss, float[] gradients) {}

  /** A program that computes products in BF16, of activations kept as the graph says. */
  private static Outcome run(ModelConfig config, Graph graph, PlanOptions options) {
    try (TrainingFixture fixture = TrainingFixture.openBf16(config, 2);
        Executable program =
            fixture
                .engine
                .backend()
                .link(Plan.of(graph, options), LinkedMemory.of(fixture.model.memory()))) {
      TrainingFixture.runOnce(program, config, BATCH * TIME);
      return new Outcome(program.step().loss(), fixture.copy(Region.GRADIENTS));
    }
  }

  private static Outcome run(ModelConfig config, Graph graph) {
    return run(config, graph, PlanOptions.STANDARD);
  }

  private static double norm(float[] numbers) {
    double sum = 0;
    for (float x : numbers) {
      sum += (double) x * x;
    }
    return Math.sqrt(sum);
  }

  /** Their roundings are a few more of the size of those that products make anyway. */
  @ParameterizedTest
  @MethodSource("configs")
  void gradientsAreNearThoseOfWhatIsNotRounded(ModelConfig config) {
    Outcome kept = run(config, graph(config, Precision.F32));
    Outcome rounded = run(config, graph(config, Precision.BF16));
    assertThat(rounded.loss())
        .isNotEqualTo(kept.loss())
        .isBetween(0.99f * kept.loss(), 1.01f * kept.loss());
    float[] difference = rounded.gradients().clone();
    for (int i = 0; i < difference.length; i++) {
      difference[i] -= kept.gradients()[i];
    }
    assertThat(norm(difference)).isBetween(1e-6, 0.02 * norm(kept.gradients()));
  }

  /** Rounding in place, and what is widened, only take memory that nobody needs. */
  @ParameterizedTest
  @MethodSource("configs")
  void sharedMemoryGivesTheBitsOfMemoryThatIsNot(ModelConfig config) {
    Outcome shared = run(config, graph(config, Precision.BF16));
    Outcome apart = run(config, graph(config, Precision.BF16), new PlanOptions(true, false));
    assertThat(shared.loss()).isEqualTo(apart.loss());
    assertThat(shared.gradients()).isEqualTo(apart.gradients());
  }

  @ParameterizedTest
  @MethodSource("configs")
  void recomputedBlocksGiveTheSameBits(ModelConfig config) {
    Graph graph = graph(config, Precision.BF16);
    graph.recomputeBlocks();
    Outcome recomputed = run(config, graph);
    Outcome kept = run(config, graph(config, Precision.BF16));
    assertThat(recomputed.loss()).isEqualTo(kept.loss());
    assertThat(recomputed.gradients()).isEqualTo(kept.gradients());
    long bytes = Plan.of(graph(config, Precision.BF16)).bytes(Region.ACTIVATIONS);
    assertThat(Plan.of(graph).bytes(Region.ACTIVATIONS)).isLessThan(bytes);
  }

  /** With gradients folded into the optimizer, clipped, and accumulated. */
  @ParameterizedTest
  @MethodSource("org.quern.train.TrainingFixture#waysOfUpdating")
  void aTrainingLearnsAndRecomputesTheSame(TrainingOptions options) {
    List<float[]> weights = new ArrayList<>();
    List<Float> losses = new ArrayList<>();
    for (Recompute recompute : Recompute.values()) {
      try (TrainingFixture fixture = TrainingFixture.openBf16(TrainingFixture.gpt2(0.1f), 1);
          Trainer trainer =
              fixture.trainer(
                  TrainingFixture.batches(),
                  options.withRecompute(recompute),
                  TrainingListener.NONE)) {
        losses.add(trainer.train().loss());
        weights.add(fixture.weights());
      }
    }
    assertThat(weights.get(1)).isEqualTo(weights.get(0));
    assertThat(losses.getFirst())
        .isLessThan(0.95f * (float) Math.log(TrainingFixture.TOKENIZER.vocabularySize()));
  }

  private static long count(Graph graph, Class<?> operation) {
    return graph.nodes().stream().filter(node -> operation.isInstance(node.op())).count();
  }

  @Test
  void ofALayerOfGpt2OnlyTheResidualsAndStatisticsAreKeptInF32() {
    ModelConfig config = configs().findFirst().orElseThrow();
    Graph graph = graph(config, Precision.BF16);
    // Both norms' outputs, q k v, the attention's output, the activation's input and output.
    assertThat(count(graph, Round.class)).isEqualTo(6 * LAYERS);
    // q k v and the attention's output for the attention, the input for the activation.
    assertThat(count(graph, Round.Widen.class)).isEqualTo(3 * LAYERS);
    int rows = BATCH * TIME;
    long perRow = 32;
    long most = rows * perRow * (2 * Float.BYTES + 14 * Short.BYTES) * LAYERS;
    assertThat(keptBytes(graph)).isLessThan(most + most / 4);
    assertThat(keptBytes(graph(config, Precision.F32)))
        .isGreaterThan(rows * perRow * 16 * Float.BYTES * LAYERS);
    for (int id = 0; id < graph.nodes().size(); id++) {
      assertThat(graph.nodes().get(id).id()).isEqualTo(id);
    }
  }

  /** What the forward pass makes and the backward pass reads; the loss ends the former. */
  private static long keptBytes(Graph graph) {
    int loss = -1;
    for (Node node : graph.nodes()) {
      if (node.outputs().contains(graph.output(LanguageModelGraphs.LOSS))) {
        loss = node.id();
      }
    }
    int forward = loss;
    return graph.values().stream()
        .filter(value -> value.region() == Region.ACTIVATIONS)
        .filter(value ->
            graph.nodes().stream().anyMatch(node -> node.id() <= forward && makes(node, value)))
        .filter(value ->
            graph.nodes().stream().anyMatch(node -> node.id() > forward && reads(node, value)))
        .mapToLong(Value::bytes)
        .sum();
  }

  private static boolean makes(Node node, Value value) {
    return node.outputs().stream().anyMatch(output -> output.id() == value.id());
  }

  private static boolean reads(Node node, Value value) {
    return node.inputs().stream().anyMatch(input -> input.id() == value.id());
  }

  @ParameterizedTest
  @MethodSource("configs")
  void normsReadWhatWasComputed(ModelConfig config) {
    Graph graph = graph(config, Precision.BF16);
    for (Node node : graph.nodes()) {
      if (node.op() instanceof LayerNorm.Backward || node.op() instanceof RmsNorm.Backward) {
        Value x = node.input(1);
        assertThat(graph.nodes())
            .noneMatch(other -> other.op() instanceof Round && reads(other, x))
            .noneMatch(other -> other.op() instanceof Round && makes(other, x))
            .noneMatch(other -> other.op() instanceof Round.Widen && makes(other, x));
      }
    }
  }

  /** Products of both passes read the same BF16; nothing in F32 stays for them. */
  @ParameterizedTest
  @MethodSource("configs")
  void productsReadWhatIsKeptAsItIs(ModelConfig config) {
    Graph graph = graph(config, Precision.BF16);
    int products = config instanceof Gpt2Config ? 4 : 7;
    assertThat(graph.nodes())
        .filteredOn(node -> node.op() instanceof Matmul)
        .filteredOn(node -> node.input(0).dtype() == DType.BF16)
        .hasSize(products * LAYERS);
    assertThat(graph.nodes())
        .filteredOn(node -> node.op() instanceof Matmul.WeightGradient)
        .filteredOn(node -> node.input(1).dtype() == DType.BF16)
        .hasSize(products * LAYERS);
  }

  @Test
  void onlyAGraphWithABackwardPassKeepsSomethingForIt() {
    CausalLanguageModel model = CausalLanguageModel.of(configs().findFirst().orElseThrow());
    Graph graph = LanguageModelGraphs.evaluation(model, BATCH, TIME);
    assertThatThrownBy(graph::keepRounded)
        .isInstanceOf(GraphException.class)
        .hasMessageContaining("has been differentiated");
  }
}
