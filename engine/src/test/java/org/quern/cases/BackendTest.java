package org.quern.cases;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.quern.exec.Backend;
import org.quern.plan.PlanOptions;

/** Every backend and tier against the reference, and against itself with more workers. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BackendTest {
  private static final int MOST_PARTS = 4;

  private final Map<String, Expected> expected = new HashMap<>();
  private final Map<String, Map<String, float[]>> alone = new HashMap<>();
  private final Map<String, Backend> open = new HashMap<>();
  private List<Backends.Choice> choices = List.of();
  private List<OperationCase> rows = List.of();

  @BeforeAll
  void buildTable() {
    choices = Backends.available();
    rows = OperationCases.tests();
  }

  @AfterAll
  void closeBackends() {
    open.values().forEach(Backend::close);
  }

  @TestFactory
  Stream<DynamicContainer> resultsAreTheReferences() {
    return eachRow(choice ->
        row -> {
          try (CaseRun run = run(choice, 1, row)) {
            assertThat(expected(row).faults(run.results(), run.step()))
                .as("faults of %s in %s", choice, row)
                .isEmpty();
          }
        });
  }

  /** A sum is split in fixed parts, so nothing depends on who adds them. */
  @TestFactory
  Stream<DynamicContainer> anyNumberOfWorkersGivesTheSameBits() {
    return eachRow(choice ->
        row -> {
          for (int parts = 2; parts <= MOST_PARTS; parts++) {
            try (CaseRun run = run(choice, parts, row)) {
              assertSameBits(
                  run.results(), alone(choice, row), choice + ", " + parts + " parts, " + row);
            }
          }
        });
  }

  private Stream<DynamicContainer> eachRow(
      Function<Backends.Choice, Consumer<OperationCase>> check) {
    return choices.stream()
        .map(choice ->
            dynamicContainer(
                choice.name(),
                rows.stream()
                    .map(row ->
                        dynamicTest(row.toString(), () -> check.apply(choice).accept(row)))));
  }

  private CaseRun run(Backends.Choice choice, int parts, OperationCase row) {
    Backend backend = open.computeIfAbsent(choice.name() + " " + parts, key -> choice.open(parts));
    CaseRun run = new CaseRun(backend, CaseGraph.of(row), PlanOptions.STANDARD);
    run.prepare();
    Map<String, int[]> before = run.untouched();
    run.run();
    run.untouched()
        .forEach((name, bits) ->
            assertThat(bits)
                .as("%s, which nothing may write, after %s in %s", name, choice, row)
                .isEqualTo(before.get(name)));
    return run;
  }

  private Expected expected(OperationCase row) {
    return expected.computeIfAbsent(row.toString(), name -> new Expected(CaseGraph.of(row)));
  }

  private Map<String, float[]> alone(Backends.Choice choice, OperationCase row) {
    return alone.computeIfAbsent(
        choice + " " + row,
        key -> {
          try (CaseRun run = run(choice, 1, row)) {
            return run.results();
          }
        });
  }

  static void assertSameBits(
      Map<String, float[]> actual, Map<String, float[]> expected, String what) {
    expected.forEach((name, floats) -> {
      float[] others = actual.get(name);
      for (int index = 0; index < floats.length; index++) {
        // Which NaN it is may depend on the order of operands, which no contract fixes.
        if (Float.floatToIntBits(floats[index]) != Float.floatToIntBits(others[index])) {
          assertThat(others[index])
              .as("element %d of %s in %s", index, name, what)
              .isEqualTo(floats[index]);
        }
      }
    });
  }
}
