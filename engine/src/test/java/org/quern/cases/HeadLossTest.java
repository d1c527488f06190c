package org.quern.cases;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.quern.exec.Backend;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.GraphException;
import org.quern.ir.Region;
import org.quern.ir.Shape;
import org.quern.ir.Update;
import org.quern.ir.Value;
import org.quern.ir.op.CrossEntropy;
import org.quern.ir.op.LinearCrossEntropy;
import org.quern.ir.op.Matmul;
import org.quern.model.CausalLanguageModel;
import org.quern.model.Gpt2Config;
import org.quern.model.LanguageModelGraphs;
import org.quern.plan.Plan;
import org.quern.plan.PlanOptions;

/** The head with its loss, which never has the logits of all rows. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HeadLossTest {
  private static final int MOST_WORKERS = 5;

  private List<List<Backend>> backends = List.of();

  @BeforeAll
  void openBackends() {
    backends =
        Backends.available().stream()
            .map(choice -> IntStream.rangeClosed(1, MOST_WORKERS).mapToObj(choice::open).toList())
            .toList();
  }

  @AfterAll
  void closeBackends() {
    backends.forEach(group -> group.forEach(Backend::close));
  }

  @TestFactory
  Stream<DynamicContainer> lossAndGradientsAreTheReferencesWithAnyNumberOfWorkers() {
    return Stream.concat(HeadCases.rows().stream(), HeadCases.flat().stream())
        .map(row ->
            RandomGraphTest.onBackends(
                row.toString(),
                backends,
                () -> {
                  CaseGraph made = CaseGraph.ofParameters(row);
                  made.graph().output("loss", made.result());
                  made.graph().differentiate(made.result());
                  return made;
                }));
  }

  @TestFactory
  Stream<DynamicContainer> theLossAloneIsTheReferencesWithAnyNumberOfWorkers() {
    return HeadCases.losses().stream()
        .map(row ->
            RandomGraphTest.onBackends(row.toString(), backends, () -> CaseGraph.ofBody(row)));
  }

  /** A row count and a vocabulary that make several chunks without being told to. */
  private static OperationCase large(boolean fused, boolean gradients) {
    int rows = 600;
    int channels = 6;
    int vocabulary = 20011;
    Fill labels =
        (random, index) -> index % 7 == 3 ? CrossEntropy.IGNORED : random.nextInt(vocabulary);
    return OperationCase.of("a head, " + (fused ? "fused" : "with logits"))
        .input("x", Fill.normal(1), rows, channels)
        .parameter("weight", Fill.normal(1), vocabulary, channels)
        .integers("labels", labels, rows)
        .step(step -> step.lossScale = 1f / rows)
        .body((g, o) -> {
          Value x = o.get("x");
          Value weight = o.get("weight");
          if (!fused) {
            Value logits = Matmul.linear(g, x, weight, Value.NONE);
            return CrossEntropy.loss(g, logits, o.get("labels"));
          }
          return gradients
              ? LinearCrossEntropy.lossAndGradients(g, x, weight, o.get("labels"))
              : LinearCrossEntropy.loss(g, x, weight, o.get("labels"));
        });
  }

  private static Map<String, float[]> run(Backend backend, boolean fused, boolean gradients) {
    CaseGraph made = CaseGraph.ofParameters(large(fused, gradients));
    made.graph().output("loss", made.result());
    if (gradients) {
      made.graph().differentiate(made.result());
    }
    try (CaseRun run = new CaseRun(backend, made, PlanOptions.STANDARD)) {
      run.prepare();
      run.run();
      return run.results();
    }
  }

  @TestFactory
  Stream<DynamicTest> severalChunksGiveWhatAllLogitsGive() {
    return backends.stream()
        .map(group ->
            dynamicTest(
                group.getFirst().name() + " " + group.getFirst().description(),
                () -> {
                  Map<String, float[]> expected = run(group.getFirst(), false, true);
                  Map<String, float[]> alone = run(group.getFirst(), true, true);
                  assertThat(alone.keySet()).isEqualTo(expected.keySet());
                  expected.forEach((name, floats) -> assertClose(name, alone.get(name), floats));
                  float[] loss = run(group.getLast(), true, false).get("loss");
                  assertClose("loss alone", loss, expected.get("loss"));
                  for (Backend backend : group.subList(1, group.size())) {
                    BackendTest.assertSameBits(
                        run(backend, true, true), alone, "a head, " + backend.description());
                  }
                }));
  }

  private static void assertClose(String name, float[] actual, float[] expected) {
    double norm = 0;
    double error = 0;
    for (int index = 0; index < expected.length; index++) {
      norm += (double) expected[index] * expected[index];
      error += Math.pow((double) actual[index] - expected[index], 2);
    }
    assertThat(Math.sqrt(error))
        .as("distance of %s", name)
        .isLessThanOrEqualTo(2e-6 * Math.sqrt(norm));
    assertThat(norm).as("square of the norm of %s", name).isPositive();
  }

  @Test
  void noPlanWithALossHoldsAllLogits() {
    int vocabulary = 50257;
    int batch = 4;
    int time = 1024;
    CausalLanguageModel model = CausalLanguageModel.of(Gpt2Config.of(vocabulary, time, 16, 1, 2));
    long all = 4L * batch * time * vocabulary;
    List<Graph> graphs =
        List.of(
            LanguageModelGraphs.evaluation(model, batch, time),
            LanguageModelGraphs.training(model, batch, time, Update.NONE));
    for (Graph graph : graphs) {
      assertThat(Plan.of(graph).bytes(Region.ACTIVATIONS)).isLessThan(all / 8);
    }
    for (int rows : new int[] {16, 64, 256}) {
      Graph evaluation = LanguageModelGraphs.evaluation(model, 1, rows);
      assertThat(Plan.of(evaluation).bytes(Region.ACTIVATIONS))
          .as("activations of %d rows", rows)
          .isLessThan(4L * rows * vocabulary / 2);
    }
    Graph logits = LanguageModelGraphs.logits(model, batch, time);
    assertThat(Plan.of(logits).bytes(Region.ACTIVATIONS)).isGreaterThanOrEqualTo(all);
  }

  @Test
  void anOverflowOfTheLogitsIsNamed() {
    OperationCase row =
        OperationCase.of("a head that overflows")
            .input("x", Fill.cycle(1, 1, 1, 1, 3e38, 3e38), 3, 2)
            .parameter("weight", Fill.cycle(2), 5, 2)
            .integers("labels", Fill.cycle(0), 3)
            .body((g, o) ->
                LinearCrossEntropy.lossAndGradients(
                    g, o.get("x"), o.get("weight"), o.get("labels"), 2));
    for (List<Backend> group : backends) {
      try (CaseRun run = new CaseRun(group.get(1), CaseGraph.ofBody(row), PlanOptions.STANDARD)) {
        run.prepare();
        // The first chunk has four nodes, and the product of the second comes after them.
        assertThat(run.findNonfinite()).contains("Matmul #4 → Matmul[1, 5]");
      }
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    Graph graph = CaseGraph.ofBody(large(false, false)).graph();
    Value whole = graph.activation("whole", DType.F32, Shape.of(4, 6));
    assertThatThrownBy(() -> whole.slice(7, Shape.of(3, 6)))
        .isInstanceOf(GraphException.class)
        .hasMessage("The value whole[4, 6] has no part [3, 6] from element 7 on.");
    assertThatThrownBy(() -> whole.slice(-1, Shape.of(1))).isInstanceOf(GraphException.class);
    Value losses = graph.activation("losses", DType.F32, Shape.of(4));
    assertThatThrownBy(() -> graph.append(new CrossEntropy.Sum(), List.of(losses), List.of(losses)))
        .isInstanceOf(GraphException.class)
        .hasMessage("CrossEntropy.Sum makes F32[1], not losses[4].");
    assertThatThrownBy(() -> LinearCrossEntropy.lossAndGradients(graph, whole, whole, whole))
        .isInstanceOf(GraphException.class)
        .hasMessageContaining("is not a parameter");
  }
}
