package org.quern.reference;

import org.quern.ir.op.GradientNorm;

/**
 * {@code norm = sqrt(sum of g^2)}; the optimizer's factor is {@code min(1, max / (norm + 1e-6))}.
 */
final class GradientNormReference {
  private GradientNormReference() {}

  static void squareSum(Operands o) {
    Tensor x = o.in(0);
    for (int block = 0; block < o.out(0).size(); block++) {
      double sum = 0;
      int first = block * GradientNorm.SquareSum.BLOCK;
      for (int i = first; i < Math.min(x.size(), first + GradientNorm.SquareSum.BLOCK); i++) {
        sum += x.get(i) * x.get(i);
      }
      o.out(0).set(block, sum, 2 * sum);
    }
  }

  static void forward(Operands o) {
    double sum = 0;
    for (int i = 0; i < o.in(0).size(); i++) {
      sum += o.in(0).get(i);
    }
    ReferenceStep step = o.step();
    step.gradNorm = Math.sqrt(sum);
    step.clipScale = step.maxNorm == 0 ? 1 : Math.min(1, step.maxNorm / (step.gradNorm + 1e-6));
    step.nonfinite |= !Double.isFinite(step.gradNorm) || !Double.isFinite(step.loss);
    // One rounding of each partial sum and one of the root.
    o.out(0).set(0, step.gradNorm, 3 * step.gradNorm);
  }
}
