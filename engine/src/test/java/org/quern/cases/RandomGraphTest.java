package org.quern.cases;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.quern.exec.Backend;
import org.quern.ir.Value;
import org.quern.plan.PlanOptions;
import org.quern.reference.ReferenceInterpreter;
import org.quern.reference.Tensor;

/**
 * Random models: a plan that shares memory must give the bits of one where every tensor has memory
 * of its own between guard pages, and both what the reference gives.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RandomGraphTest {
  private static final int GRAPHS = 60;

  /**
   * How many times worse than rounding each operation's result to F32 a backend may be: sums of up
   * to about a hundred terms are rounded at each term.
   */
  private static final double TIMES_ROUNDED = 64;

  private List<List<Backend>> backends = List.of();

  @BeforeAll
  void openBackends() {
    backends =
        Backends.available().stream()
            .map(choice -> List.of(choice.open(1), choice.open(2), choice.open(3)))
            .toList();
  }

  @AfterAll
  void closeBackends() {
    backends.forEach(group -> group.forEach(Backend::close));
  }

  @TestFactory
  Stream<DynamicContainer> plansThatShareMemoryGiveTheReferencesResults() {
    return LongStream.range(0, GRAPHS)
        .mapToObj(RandomGraphs::row)
        .map(row -> onBackends(row.toString(), backends, () -> CaseGraph.ofBody(row)));
  }

  /** The tests of one graph, which {@code graphs} makes anew each time, on groups of backends. */
  static DynamicContainer onBackends(
      String name, List<List<Backend>> backends, Supplier<CaseGraph> graphs) {
    CaseGraph graph = graphs.get();
    Map<String, Tensor> exact = reference(graph, false);
    Map<String, Tensor> rounded = reference(graph, true);
    return dynamicContainer(
        name,
        backends.stream()
            .map(group ->
                dynamicTest(
                    group.getFirst().name() + " " + group.getFirst().description(),
                    () -> check(group, graphs, exact, rounded))));
  }

  private static void check(
      List<Backend> group,
      Supplier<CaseGraph> graphs,
      Map<String, Tensor> exact,
      Map<String, Tensor> rounded) {
    Map<String, float[]> guarded = run(group.getFirst(), graphs, new PlanOptions(true, false));
    List<String> faults = new ArrayList<>();
    exact.forEach(
        (name, tensor) -> compare(name, tensor, rounded.get(name), guarded.get(name), faults));
    assertThat(faults).as("faults of a plan that shares no memory").isEmpty();
    for (Backend backend : group) {
      BackendTest.assertSameBits(
          run(backend, graphs, PlanOptions.STANDARD),
          guarded,
          "a plan that shares memory, " + backend.description());
      BackendTest.assertSameBits(
          run(backend, graphs, new PlanOptions(false, true)),
          guarded,
          "a plan that shares memory and fuses all it can, " + backend.description());
    }
  }

  private static Map<String, float[]> run(
      Backend backend, Supplier<CaseGraph> graphs, PlanOptions options) {
    try (CaseRun run = new CaseRun(backend, graphs.get(), options)) {
      run.prepare();
      run.run();
      return run.results();
    }
  }

  private static Map<String, Tensor> reference(CaseGraph graph, boolean rounded) {
    ReferenceInterpreter interpreter = graph.interpreter(rounded);
    interpreter.run(graph.row().step());
    Map<String, Tensor> results = new LinkedHashMap<>();
    for (Map.Entry<String, Value> entry : graph.results().entrySet()) {
      results.put(entry.getKey(), interpreter.tensor(entry.getValue()));
    }
    return results;
  }

  private static void compare(
      String name, Tensor exact, Tensor rounded, float[] actual, List<String> faults) {
    double norm = 0;
    double naive = 0;
    double error = 0;
    for (int index = 0; index < exact.size(); index++) {
      norm += exact.get(index) * exact.get(index);
      naive += Math.pow(rounded.get(index) - exact.get(index), 2);
      error += Math.pow(actual[index] - exact.get(index), 2);
    }
    double allowed = TIMES_ROUNDED * (Math.sqrt(naive) + Tensor.UNIT * Math.sqrt(norm));
    if (!(Math.sqrt(error) <= allowed)) {
      faults.add(
          String.format(
              Locale.ROOT,
              "%s is off by %.3g, allowed are %.3g of %.3g",
              name,
              Math.sqrt(error),
              allowed,
              Math.sqrt(norm)));
    }
  }
}
