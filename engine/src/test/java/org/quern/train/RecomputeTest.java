package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.exec.Executable;
import org.quern.exec.LinkedMemory;
import org.quern.ir.Cost;
import org.quern.ir.Graph;
import org.quern.ir.GraphException;
import org.quern.ir.Region;
import org.quern.ir.Update;
import org.quern.ir.op.Attention;
import org.quern.ir.op.Dropout;
import org.quern.ir.op.Matmul;
import org.quern.model.CausalLanguageModel;
import org.quern.model.Gpt2Config;
import org.quern.model.LanguageModelGraphs;
import org.quern.model.LlamaConfig;
import org.quern.model.ModelConfig;
import org.quern.plan.Plan;

/** Blocks that are computed once more instead of being kept. */
class RecomputeTest {
  private static final String BACKENDS = "org.quern.train.TrainingFixture#backends";
  private static final int BATCH = 3;
  private static final int TIME = 16;
  private static final int LAYERS = 4;

  private static List<ModelConfig> configs() {
    int vocabulary = TrainingFixture.TOKENIZER.vocabularySize();
    return List.of(
        Gpt2Config.of(vocabulary, 32, 32, LAYERS, 2).withDropout(0.2f),
        LlamaConfig.of(vocabulary, 32, 32, LAYERS, 4, 2, 64));
  }

  private record Outcome(float loss, float[] gradients, long activations) {}

  private static Outcome gradients(String backend, ModelConfig config, boolean recompute) {
    try (TrainingFixture fixture = TrainingFixture.open(backend, config, 2)) {
      Graph graph =
          LanguageModelGraphs.training(fixture.model.architecture(), BATCH, TIME, Update.NONE);
      if (recompute) {
        graph.recomputeBlocks();
      }
      Plan plan = Plan.of(graph);
      try (Executable program =
          fixture.engine.backend().link(plan, LinkedMemory.of(fixture.model.memory()))) {
        TrainingFixture.runOnce(program, config, BATCH * TIME);
        return new Outcome(
            program.step().loss(), fixture.copy(Region.GRADIENTS), plan.bytes(Region.ACTIVATIONS));
      }
    }
  }

  @ParameterizedTest
  @MethodSource(BACKENDS)
  void gradientsHaveTheSameBits(String backend) {
    for (ModelConfig config : configs()) {
      Outcome kept = gradients(backend, config, false);
      Outcome recomputed = gradients(backend, config, true);
      assertThat(recomputed.loss()).isEqualTo(kept.loss());
      assertThat(recomputed.gradients()).isEqualTo(kept.gradients());
      assertThat(recomputed.activations()).isLessThan(kept.activations() / 2);
      double sum = 0;
      for (float gradient : kept.gradients()) {
        sum += Math.abs(gradient);
      }
      assertThat(sum).isGreaterThan(1);
    }
  }

  /** With gradients folded into the optimizer, clipped, and accumulated. */
  @ParameterizedTest
  @MethodSource("org.quern.train.TrainingFixture#waysOfUpdating")
  void aTrainingIsTheSame(TrainingOptions options) {
    List<float[]> weights = new ArrayList<>();
    List<RecomputationPrice> prices = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void onStart(TrainingStart start) {
            start.recomputation().ifPresent(prices::add);
            assertThat(start.memory().total()).isPositive();
          }
        };
    for (Recompute recompute : Recompute.values()) {
      try (TrainingFixture fixture = TrainingFixture.open(TrainingFixture.gpt2(0.1f));
          Trainer trainer =
              fixture.trainer(
                  TrainingFixture.batches(), options.withRecompute(recompute), listener)) {
        trainer.train();
        weights.add(fixture.weights());
      }
    }
    assertThat(weights.get(1)).isEqualTo(weights.get(0));
    assertThat(prices).hasSize(1);
    assertThat(prices.getFirst().activationBytes()).isLessThan(prices.getFirst().keptBytes());
    assertThat(prices.getFirst().share()).isBetween(0.1, 0.34);
    assertThat(prices.getFirst().toString())
        .startsWith("Recomputing blocks: activations take ")
        .contains(" instead of ", " GFLOP more a step (+");
  }

  @Test
  void onlyWhatTheBackwardPassReadsIsMadeAgain() {
    CausalLanguageModel model = CausalLanguageModel.of(configs().getFirst());
    Graph graph = LanguageModelGraphs.training(model, BATCH, TIME, Update.NONE);
    long products = count(graph, Matmul.class);
    long attention = count(graph, Attention.class);
    long dropout = count(graph, Dropout.class);
    Cost before = graph.cost();
    Cost more = graph.recomputeBlocks();
    // Not the second product of the MLP, nor the dropout after it: they only make the next input.
    assertThat(count(graph, Matmul.class) - products).isEqualTo(3 * LAYERS);
    assertThat(count(graph, Attention.class) - attention).isEqualTo(LAYERS);
    assertThat(count(graph, Dropout.class) - dropout).isEqualTo(LAYERS);
    assertThat(graph.cost().flops()).isEqualTo(before.flops() + more.flops());
    for (int id = 0; id < graph.nodes().size(); id++) {
      assertThat(graph.nodes().get(id).id()).isEqualTo(id);
    }
  }

  private static long count(Graph graph, Class<?> operation) {
    return graph.nodes().stream().filter(node -> operation.isInstance(node.op())).count();
  }

  @Test
  void memoryGrowsByTheInputsOfBlocksAlone() {
    long[] bytes = new long[2];
    for (int index = 0; index < 2; index++) {
      CausalLanguageModel model =
          CausalLanguageModel.of(Gpt2Config.of(64, 64, 32, 4 + 4 * index, 4));
      Graph graph = LanguageModelGraphs.training(model, 8, 64, Update.NONE);
      graph.recomputeBlocks();
      bytes[index] = Plan.of(graph).bytes(Region.ACTIVATIONS);
    }
    long input = 4L * 8 * 64 * 32;
    assertThat(bytes[1] - bytes[0]).isBetween(4 * input, 4 * input + 4096);
  }

  @Test
  void onlyAGraphWithABackwardPassHasSomethingToMakeAgain() {
    CausalLanguageModel model = CausalLanguageModel.of(configs().getFirst());
    Graph graph = LanguageModelGraphs.evaluation(model, BATCH, TIME);
    assertThatThrownBy(graph::recomputeBlocks)
        .isInstanceOf(GraphException.class)
        .hasMessageContaining("has been differentiated");
  }
}
