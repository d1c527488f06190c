package org.quern.cases;

import java.util.ArrayList;
import java.util.List;
import org.quern.ir.Graph;
import org.quern.ir.Value;
import org.quern.ir.op.AdamW;
import org.quern.ir.op.GradientNorm;
import org.quern.ir.op.Sgd;

/** Rows of the gradient's norm and the optimizers. */
final class OptimizerCases {
  private static final AdamW ADAMW = new AdamW(0.9f, 0.999f, 1e-8f, 0.1f, false);

  private OptimizerCases() {}

  static List<OperationCase> rows() {
    List<OperationCase> rows = new ArrayList<>();
    for (int size : new int[] {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 35, 67, 131, 1021}) {
      rows.add(adamw("clipped", ADAMW, Fill.normal(1), size).step(step -> step.maxNorm = 0.5f));
      rows.add(sgd("clipped", Fill.normal(1), size).step(step -> step.maxNorm = 0.5f));
      rows.add(norm("normal", Fill.normal(1), size));
    }
    rows.add(adamw("unclipped", ADAMW, Fill.normal(1), 67));
    rows.add(adamw("below the limit", ADAMW, Fill.normal(1), 67).step(s -> s.maxNorm = 1e3f));
    rows.add(adamw("first step", ADAMW, Fill.normal(1), 67).step(step -> step.step = 1));
    rows.add(adamw("late", ADAMW, Fill.normal(1), 67).step(step -> step.step = 1_000_000));
    rows.add(adamw("no decay", new AdamW(0.9f, 0.99f, 1e-8f, 0, false), Fill.normal(1), 67));
    rows.add(adamw("no gradient", ADAMW, Fill.cycle(0), 67));
    rows.add(adamw("denormals", ADAMW, Fill.denormals(), 67));
    rows.add(adamw("1e4", ADAMW, Fill.signs(1e4), 67).step(step -> step.maxNorm = 1));
    rows.add(adamw("no update", ADAMW, Fill.normal(1), 67).step(step -> step.update = false));
    rows.add(sgd("no update", Fill.normal(1), 67).step(step -> step.update = false));
    for (double number : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
      Fill fill = (random, index) -> index == 20 ? (float) number : 1;
      rows.add(adamw("gradient " + number, ADAMW, fill, 67).step(step -> step.maxNorm = 1));
      rows.add(sgd("gradient " + number, fill, 67));
      rows.add(norm("gradient " + number, fill, 67));
      rows.add(adamwImmediate("gradient " + number, fill, 67));
      rows.add(sgdImmediate("gradient " + number, fill, 67));
    }
    for (int size : new int[] {1, 16, 67, 2 * GradientNorm.SquareSum.BLOCK + 77}) {
      rows.add(adamwImmediate("normal", Fill.normal(1), size).step(step -> step.maxNorm = 0.1f));
      rows.add(sgdImmediate("normal", Fill.normal(1), size).step(step -> step.maxNorm = 0.1f));
    }
    rows.add(norm("one block", Fill.normal(1), GradientNorm.SquareSum.BLOCK));
    rows.add(norm("one block and one", Fill.normal(1), GradientNorm.SquareSum.BLOCK + 1));
    rows.add(norm("three blocks", Fill.normal(1), 2 * GradientNorm.SquareSum.BLOCK + 77));
    rows.add(norm("1e4", Fill.signs(1e4), 1021));
    rows.add(norm("overflowing squares", Fill.signs(1e15), 67));
    rows.add(norm("denormals", Fill.denormals(), 67));
    rows.add(adamw("speed", ADAMW, Fill.normal(1), 768 * 3072).speed());
    return rows;
  }

  private static OperationCase updated(String name, Fill gradients, int size) {
    return OperationCase.of(name)
        .parameter("weight", Fill.normal(1), size)
        .parameter("bias", Fill.normal(1), 3)
        .gradients(gradients)
        .moments(Fill.normal(0.1), Fill.uniform(0, 0.1));
  }

  private static OperationCase adamw(String what, AdamW op, Fill gradients, int size) {
    return updated("AdamW " + what + " " + size, gradients, size)
        .body((g, o) -> {
          g.beginUpdate();
          Value norm = GradientNorm.apply(g);
          op.apply(g, "weight", norm);
          op.apply(g, "bias", norm);
          return Value.NONE;
        });
  }

  private static OperationCase sgd(String what, Fill gradients, int size) {
    return updated("Sgd " + what + " " + size, gradients, size)
        .body((g, o) -> {
          g.beginUpdate();
          Value norm = GradientNorm.apply(g);
          new Sgd(0.9f, 0.01f, false).apply(g, "weight", norm);
          new Sgd(0, 0, false).apply(g, "bias", norm);
          return Value.NONE;
        });
  }

  /** The bias is updated before the weight's gradient is looked at. */
  private static OperationCase adamwImmediate(String what, Fill gradients, int size) {
    AdamW op = new AdamW(0.9f, 0.999f, 1e-8f, 0.1f, true);
    return updated("AdamW immediate " + what + " " + size, gradients, size)
        .body((g, o) -> {
          g.beginUpdate();
          op.apply(g, "bias", squares(g, "bias"));
          op.apply(g, "weight", squares(g, "weight"));
          return Value.NONE;
        });
  }

  private static OperationCase sgdImmediate(String what, Fill gradients, int size) {
    Sgd op = new Sgd(0.9f, 0.01f, true);
    return updated("Sgd immediate " + what + " " + size, gradients, size)
        .body((g, o) -> {
          g.beginUpdate();
          op.apply(g, "bias", squares(g, "bias"));
          op.apply(g, "weight", squares(g, "weight"));
          return Value.NONE;
        });
  }

  private static Value squares(Graph graph, String parameter) {
    return graph.apply(new GradientNorm.SquareSum(), graph.gradient(graph.parameter(parameter)));
  }

  private static OperationCase norm(String what, Fill gradients, int size) {
    return updated("GradientNorm " + what + " " + size, gradients, size)
        .body((g, o) -> {
          g.beginUpdate();
          return GradientNorm.apply(g);
        });
  }
}
