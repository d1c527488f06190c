package org.quern.app;

import java.util.List;
import org.quern.Engine;
import org.quern.ir.Graph;
import org.quern.ir.Node;
import org.quern.profile.Roofline;

/**
 * What a training step cannot do without, at the rates that this machine has for it: its matrix
 * products, and one sweep of the optimizer over memory.
 *
 * @param matmulFlops operations of the step's products
 * @param matmulRate operations a second of products of these sizes, each size once
 * @param sweepBytes what the optimizer reads and writes
 * @param reading bytes a second that all threads read
 */
record StepBound(double matmulFlops, double matmulRate, double sweepBytes, double reading) {
  /** Measures the rates, which takes half a second and more for each size of product. */
  static StepBound measure(
      Engine engine, Graph step, List<MatmulShape> products, BenchOptions options) {
    double flops = 0;
    double milliseconds = 0;
    for (MatmulShape product : products) {
      flops += product.flops();
      milliseconds += MatmulTimes.of(product, engine, options).median();
    }
    Roofline roofline = engine.measureRoofline();
    return new StepBound(
        step.nodes().stream()
            .filter(StepBound::isProduct)
            .mapToDouble(node -> node.op().cost(node).flops())
            .sum(),
        flops / milliseconds * 1e3,
        step.nodes().stream()
            .filter(Node::changesParameters)
            .mapToDouble(node -> node.op().cost(node).bytes())
            .sum(),
        roofline.reading());
  }

  private static boolean isProduct(Node node) {
    return switch (node.op().kernel()) {
      case MATMUL_F32, MATMUL_BF16, MATMUL_INT8 -> true;
      default -> false;
    };
  }

  double milliseconds() {
    return 1e3 * (matmulFlops / matmulRate + sweepBytes / reading);
  }

  /** Adds the bound and what it is made of. */
  void put(BenchReport report, Times step) {
    report.put("matmul_gflop", matmulFlops / 1e9);
    report.put("matmul_gflops", matmulRate / 1e9);
    report.put("sweep_gb", sweepBytes / 1e9);
    report.put("reading_gb_per_second", reading / 1e9);
    report.put("bound_ms", milliseconds());
    report.put("times_bound", step.median() / milliseconds());
  }
}
