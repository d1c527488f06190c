package org.quern.reference;

import org.quern.ir.op.Sgd;

/** {@code m = momentum m + g + decay p; p -= rate m}, in the order of PyTorch's SGD. */
final class SgdReference {
  private SgdReference() {}

  static void forward(Sgd op, Operands o) {
    Tensor parameter = o.in(0);
    Tensor gradient = o.in(1);
    Tensor momentum = o.in(2);
    ReferenceStep step = o.step();
    if (!step.mayUpdate(op.immediate() ? o.in(3) : Tensor.NONE)) {
      return;
    }
    double clip = op.immediate() ? 1 : step.clipScale;
    for (int i = 0; i < parameter.size(); i++) {
      double clipped = gradient.get(i) * clip;
      double decay = op.weightDecay() * parameter.get(i);
      double kept = op.momentum() * momentum.get(i);
      double m = kept + clipped + decay;
      double p = parameter.get(i) - step.learningRate * m;
      double bound = 8 * Math.abs(clipped) + 4 * Math.abs(decay) + 3 * Math.abs(kept);
      momentum.set(i, m, bound);
      parameter.set(i, p, step.learningRate * (bound + 2 * Math.abs(m)) + Math.abs(p));
    }
  }
}
