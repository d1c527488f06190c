package org.quern.cases;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.quern.ir.Kernel;
import org.quern.ir.Node;
import org.quern.ir.Precision;
import org.quern.ir.Value;
import org.quern.reference.ReferenceInterpreter;
import org.quern.reference.Tensor;

/** Whether the table says something: every kernel has rows, and their results are not all zero. */
class ReferenceSelfTest {
  /** Rows whose results are zero, or not numbers, for a reason. */
  private static final List<String> MAY_BE_EMPTY =
      List.of(
          "zero",
          "all ignored",
          "no update",
          "masked",
          "denormals",
          "not a number",
          "infinite",
          " NaN");

  @Test
  void namesDiffer() {
    Set<String> names = new HashSet<>();
    assertThat(OperationCases.tests().stream().map(OperationCase::toString))
        .filteredOn(name -> !names.add(name))
        .as("names of more than one row")
        .isEmpty();
  }

  @Test
  void everyKernelHasRows() {
    EnumSet<Kernel> missing = EnumSet.allOf(Kernel.class);
    for (OperationCase row : OperationCases.tests()) {
      for (Node node : CaseGraph.of(row).graph().nodes()) {
        missing.remove(node.op().kernel());
      }
    }
    // What products and attention become in another precision: native/test has those.
    for (Kernel kernel : Kernel.values()) {
      if (Precision.BF16.kernel(kernel) != kernel) {
        missing.remove(Precision.BF16.kernel(kernel));
      }
    }
    assertThat(missing).as("kernels without a row in the table of operation cases").isEmpty();
  }

  @Test
  void resultsAreNotMostlyZeros() {
    int compared = 0;
    for (OperationCase row : OperationCases.tests()) {
      CaseGraph graph = CaseGraph.of(row);
      ReferenceInterpreter reference = graph.reference(row.step());
      long numbers = 0;
      long elements = 0;
      for (Map.Entry<String, Value> result : graph.results().entrySet()) {
        Tensor tensor = reference.tensor(result.getValue());
        for (int index = 0; index < tensor.size(); index++) {
          boolean number = Double.isFinite(tensor.get(index)) && tensor.get(index) != 0;
          numbers += number ? 1 : 0;
        }
        elements += tensor.size();
      }
      compared++;
      assertThat(elements).as("elements that %s makes", row).isPositive();
      if (MAY_BE_EMPTY.stream().noneMatch(row.toString()::contains)
          && elements >= 16
          && !row.toString().startsWith("Dropout")
          && !row.toString().contains("dropout=0.5")) {
        assertThat(4 * numbers).as("numbers in the results of %s", row).isGreaterThan(elements);
      }
    }
    assertThat(compared).isGreaterThan(400);
  }

  /** Whatever the reference allows as an error is a number wherever the result is one. */
  @Test
  void boundsAreNumbers() {
    for (OperationCase row : OperationCases.tests()) {
      CaseGraph graph = CaseGraph.of(row);
      ReferenceInterpreter reference = graph.reference(row.step());
      for (Map.Entry<String, Value> result : graph.results().entrySet()) {
        Tensor tensor = reference.tensor(result.getValue());
        for (int index = 0; index < tensor.size(); index++) {
          if (Double.isFinite(tensor.get(index)) && !(tensor.bound(index) >= 0)) {
            assertThat(tensor.bound(index))
                .as("bound of element %d of %s in %s", index, result.getKey(), row)
                .isNotNegative();
          }
        }
      }
    }
  }
}
