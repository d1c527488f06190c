package org.quern.cases;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.quern.cases.OperationCase.Values;
import org.quern.ir.Graph;
import org.quern.ir.Node;
import org.quern.ir.Value;
import org.quern.ir.op.Activation;
import org.quern.ir.op.ActivationFunction;
import org.quern.ir.op.Add;
import org.quern.ir.op.Dropout;
import org.quern.ir.op.LayerNorm;
import org.quern.ir.op.Matmul;
import org.quern.ir.op.RmsNorm;
import org.quern.plan.Plan;
import org.quern.plan.PlanOptions;

/** Which operations a plan has done together. */
class FusionTest {
  private static final int CHANNELS = 6;
  private static final float EPSILON = 1e-5f;
  private static final PlanOptions ALL = new PlanOptions(false, true);

  /** As in the 2017 Transformer, which drops before it adds. */
  private static Value dropoutResidualNorm(Graph graph, Values operands) {
    Value x = Activation.apply(graph, operands.get("x"), ActivationFunction.RELU);
    Value product = Matmul.linear(graph, x, operands.get("weight"), Value.NONE);
    Value sum = Add.apply(graph, x, Dropout.apply(graph, product, 0.5f));
    return LayerNorm.apply(graph, sum, operands.get("gamma"), Value.NONE, EPSILON);
  }

  /** As in Llama. */
  private static Value residualNorm(Graph graph, Values operands) {
    Value x = Activation.apply(graph, operands.get("x"), ActivationFunction.RELU);
    Value product = Matmul.linear(graph, x, operands.get("weight"), Value.NONE);
    return RmsNorm.apply(graph, Add.apply(graph, x, product), operands.get("gamma"), EPSILON);
  }

  private static List<String> rows(int rows, PlanOptions options, OperationCase.Body body) {
    Graph graph =
        CaseGraph.ofBody(
                OperationCase.of("a residual")
                    .input("x", Fill.normal(1), rows, CHANNELS)
                    .parameter("weight", Fill.normal(1), CHANNELS, CHANNELS)
                    .parameter("gamma", Fill.normal(1), CHANNELS)
                    .body(body))
            .graph();
    Plan plan = Plan.of(graph, options);
    List<String> result = new ArrayList<>();
    StringBuilder row = new StringBuilder();
    for (Node node : graph.nodes()) {
      row.append(node.op().name());
      if (plan.isFusedWithNext(node)) {
        row.append(" + ");
      } else {
        result.add(row.toString());
        row.setLength(0);
      }
    }
    return result;
  }

  @Test
  void aNormIsDoneWithTheResidualBeforeIt() {
    assertThat(rows(20, PlanOptions.STANDARD, FusionTest::dropoutResidualNorm))
        .containsExactly("Activation", "Matmul", "Dropout + Add + LayerNorm");
    assertThat(rows(20, PlanOptions.STANDARD, FusionTest::residualNorm))
        .containsExactly("Activation", "Matmul", "Add + RmsNorm");
  }

  @Test
  void aNormWaitsForAllColumnsOfAProduct() {
    assertThat(rows(20, ALL, FusionTest::residualNorm))
        .containsExactly("Activation", "Matmul + Add", "RmsNorm");
    assertThat(rows(2, PlanOptions.STANDARD, FusionTest::residualNorm))
        .containsExactly("Activation", "Matmul + Add", "RmsNorm");
  }

  @Test
  void whereTensorsAreGuardedEachOperationIsDoneByItself() {
    assertThat(rows(20, new PlanOptions(true, false), FusionTest::dropoutResidualNorm))
        .containsExactly("Activation", "Matmul", "Dropout", "Add", "LayerNorm");
  }
}
