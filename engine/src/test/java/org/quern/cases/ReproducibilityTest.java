package org.quern.cases;

import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.quern.exec.Backend;
import org.quern.plan.PlanOptions;

/** A race shows as a bit that differs, once in many runs. */
class ReproducibilityTest {
  private static final int RUNS = 1000;
  private static final int[] THREADS = {2, 3};

  @TestFactory
  Stream<DynamicTest> aThousandStepsGiveTheSameBits() {
    return Stream.concat(Backends.quick().stream(), Backends.rounding().stream())
        .flatMap(choice ->
            SmallModels.rows().stream()
                .map(row -> dynamicTest(choice + ", " + row, () -> check(choice, row))));
  }

  private static void check(Backends.Choice choice, OperationCase row) {
    Map<String, float[]> first;
    try (Backend backend = choice.open(1);
        CaseRun run = new CaseRun(backend, CaseGraph.ofBody(row), PlanOptions.STANDARD)) {
      run.prepare();
      run.run();
      first = run.results();
    }
    for (int threads : THREADS) {
      try (Backend backend = choice.open(threads);
          CaseRun run = new CaseRun(backend, CaseGraph.ofBody(row), PlanOptions.STANDARD)) {
        for (int index = 0; index < RUNS / THREADS.length; index++) {
          run.prepare();
          run.run();
          BackendTest.assertSameBits(
              run.results(), first, "run " + index + " of " + choice + ", " + threads + " threads");
        }
      }
    }
  }
}
