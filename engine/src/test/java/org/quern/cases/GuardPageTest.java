package org.quern.cases;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.quern.exec.Backend;
import org.quern.plan.PlanOptions;

/**
 * Each operation between tensors that end flush at a page which may not be touched: a kernel that
 * reads or writes beyond an operand ends the JVM, whose crash report names the kernel.
 */
class GuardPageTest {
  @TestFactory
  Stream<DynamicTest> kernelsStayWithinTheirOperands() {
    return Backends.available().stream()
        .flatMap(choice ->
            Stream.of(1, 3)
                .map(parts -> dynamicTest(choice + ", " + parts, () -> checkAll(choice, parts))));
  }

  private static void checkAll(Backends.Choice choice, int parts) {
    List<OperationCase> rows = OperationCases.tests();
    assertThat(rows).isNotEmpty();
    try (Backend backend = choice.open(parts)) {
      for (OperationCase row : rows) {
        CaseGraph graph = CaseGraph.ofActivations(row);
        try (CaseRun run = new CaseRun(backend, graph, new PlanOptions(true, false))) {
          run.prepare();
          run.run();
          assertThat(new Expected(graph).faults(run.results(), run.step()))
              .as("faults of %s, %d parts, between guard pages in %s", choice, parts, row)
              .isEmpty();
        }
      }
    }
  }
}
