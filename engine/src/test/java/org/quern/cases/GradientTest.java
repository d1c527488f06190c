package org.quern.cases;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Parameter;
import org.quern.ir.Region;
import org.quern.ir.Shape;
import org.quern.ir.Value;
import org.quern.ir.op.CrossEntropy;
import org.quern.ir.op.Matmul;
import org.quern.reference.ReferenceInterpreter;
import org.quern.reference.ReferenceStep;
import org.quern.reference.Tensor;

/**
 * Adjoints against central differences, in double precision through the reference. The operation's
 * result is projected at random on a few classes, whose cross-entropy is the loss.
 */
class GradientTest {
  private static final int CLASSES = 5;

  /** The error of a central difference is of order h^2, and its noise of order 2^-53 / h. */
  private static final double STEP = 1e-5;

  private static final double TOLERANCE = 1e-6;

  @TestFactory
  Stream<DynamicTest> gradientsAreTheSlopesOfTheLoss() {
    return Stream.concat(
            OperationCases.tests().stream().filter(OperationCase::isDifferentiable),
            HeadCases.rows().stream())
        .map(row -> DynamicTest.dynamicTest(row.toString(), () -> check(row)));
  }

  @Test
  void atLeastOneRowOfEachFamilyIsDifferentiated() {
    assertThat(OperationCases.tests().stream().filter(OperationCase::isDifferentiable))
        .extracting(row -> row.toString().split(" ")[0])
        .contains(
            "Add",
            "Activation",
            "GatedActivation",
            "Dropout",
            "LayerNorm",
            "RmsNorm",
            "Matmul",
            "Attention",
            "Rope",
            "Embedding",
            "CrossEntropy");
  }

  private static void check(OperationCase row) {
    CaseGraph made = CaseGraph.ofParameters(row);
    Graph graph = made.graph();
    int labels = row.toString().hashCode() & 3;
    Value loss = loss(graph, made.result());
    int forward = graph.nodes().size();
    graph.differentiate(loss);

    ReferenceInterpreter interpreter = interpreter(made, labels);
    interpreter.run(row.step());
    for (Parameter parameter : graph.layout().parameters()) {
      Value weight = graph.parameter(parameter.name());
      Tensor gradient = interpreter.tensor(graph.gradient(weight));
      ReferenceInterpreter moved = interpreter(made, labels);
      double error = 0;
      double norm = 0;
      Tensor original = interpreter.tensor(weight);
      for (int index = 0; index < original.size(); index++) {
        double x = original.get(index);
        double h = STEP * Math.max(1, Math.abs(x));
        double slope =
            (lossAt(moved, weight, index, x + h, row.step(), forward)
                    - lossAt(moved, weight, index, x - h, row.step(), forward))
                / (2 * h);
        lossAt(moved, weight, index, x, row.step(), forward);
        error += Math.pow(gradient.get(index) - slope, 2);
        norm += slope * slope;
      }
      assertThat(Math.sqrt(norm)).as("norm of the gradient of %s", parameter.name()).isPositive();
      assertThat(Math.sqrt(error) / Math.sqrt(norm))
          .as("relative error of the gradient of %s", parameter.name())
          .isLessThanOrEqualTo(TOLERANCE);
    }
  }

  /** The row's own loss, or the cross-entropy of a random projection of its result. */
  private static Value loss(Graph graph, Value result) {
    if (graph.nodes().getLast().op() instanceof CrossEntropy.Sum) {
      return result;
    }
    int size = (int) result.shape().elements();
    float[] projection = Fill.normal(1 / Math.sqrt(size)).values(size * CLASSES, 97);
    Value weight = graph.constant("projection", Shape.of(size, CLASSES), projection);
    Value labels = graph.input("projection.label", DType.I32, Shape.of(1));
    Value logits = graph.apply(new Matmul(false), result.view(1, size), weight, Value.NONE);
    return CrossEntropy.loss(graph, logits, labels);
  }

  private static ReferenceInterpreter interpreter(CaseGraph made, int label) {
    ReferenceInterpreter interpreter = new ReferenceInterpreter(made.graph());
    for (Value value : made.written()) {
      if (value.name().equals("projection.label")) {
        interpreter.write(value, index -> label);
      } else {
        float[] numbers = made.contents(value.name());
        interpreter.write(value, index -> numbers[index]);
      }
    }
    float[] parameters = made.region(Region.PARAMETERS);
    for (int index = 0; index < parameters.length; index++) {
      interpreter.writeRegion(Region.PARAMETERS, index, parameters[index]);
    }
    return interpreter;
  }

  private static double lossAt(
      ReferenceInterpreter interpreter,
      Value parameter,
      int index,
      double x,
      ReferenceStep step,
      int nodes) {
    interpreter.writeRegion(Region.PARAMETERS, (int) parameter.offset() + index, x);
    interpreter.run(step, nodes);
    return step.loss;
  }
}
