package org.quern.cases;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.quern.exec.StepBlock;
import org.quern.reference.ReferenceInterpreter;
import org.quern.reference.ReferenceStep;
import org.quern.reference.Tensor;

/** What the reference makes of a case, and how far a backend may be from it. */
final class Expected {
  /** Below this, exponentials may be taken for zero and products may underflow. */
  private static final double TINY = 0x1p-120;

  private final OperationCase row;
  private final ReferenceStep step;
  private final Map<String, Tensor> results = new LinkedHashMap<>();

  Expected(CaseGraph graph) {
    row = graph.row();
    step = row.step();
    ReferenceInterpreter reference = graph.reference(step);
    graph.results().forEach((name, value) -> results.put(name, reference.tensor(value)));
  }

  /** What is wrong with a backend's results, each in a line; empty if nothing is. */
  List<String> faults(Map<String, float[]> actual, StepBlock block) {
    List<String> faults = new ArrayList<>();
    if (!actual.keySet().equals(results.keySet())) {
      faults.add("has results " + actual.keySet() + " instead of " + results.keySet());
      return faults;
    }
    results.forEach((name, tensor) -> compare(name, tensor, actual.get(name), faults));
    if (step.nonfinite != block.nonfinite()) {
      faults.add("nonfinite is " + block.nonfinite() + " instead of " + step.nonfinite);
    }
    compare("loss", step.loss, 4 * Math.abs(step.loss) + 1e6 * TINY, block.loss(), faults);
    compare("grad_norm", step.gradNorm, 4 * step.gradNorm, block.gradNorm(), faults);
    return faults;
  }

  private void compare(String name, Tensor expected, float[] actual, List<String> faults) {
    int wrong = 0;
    String first = "";
    for (int index = 0; index < expected.size(); index++) {
      double value = expected.get(index);
      if (!fits(value, expected.bound(index), actual[index])) {
        wrong++;
        if (wrong == 1) {
          first =
              String.format(
                  Locale.ROOT,
                  "element %d is %s instead of %s, %.3g times the bound",
                  index,
                  actual[index],
                  value,
                  Math.abs(actual[index] - value) / (expected.bound(index) * Tensor.UNIT));
        }
      }
    }
    if (wrong > 0) {
      faults.add(
          name + " " + expected.shape() + ": " + first + "; " + wrong + " of " + expected.size());
    }
  }

  private void compare(
      String name, double expected, double bound, float actual, List<String> faults) {
    if (!fits(expected, bound, actual)) {
      faults.add(name + " is " + actual + " instead of " + expected);
    }
  }

  private boolean fits(double expected, double bound, float actual) {
    if (Double.isNaN(expected)) {
      return Float.isNaN(actual);
    }
    if (row.isExact() || Double.isInfinite(expected)) {
      return (float) expected == actual;
    }
    double allowed = bound * Tensor.UNIT + TINY;
    if (Float.isInfinite(actual)) {
      return Math.signum(expected) == Math.signum(actual)
          && Math.abs(expected) + allowed >= Float.MAX_VALUE;
    }
    return Math.abs(actual - expected) <= allowed;
  }
}
