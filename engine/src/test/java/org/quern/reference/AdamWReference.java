package org.quern.reference;

import org.quern.ir.op.AdamW;

/** Loshchilov and Hutter 2019, algorithm 2, in the order of PyTorch's AdamW. */
final class AdamWReference {
  private AdamWReference() {}

  static void forward(AdamW op, Operands o) {
    Tensor parameter = o.in(0);
    Tensor gradient = o.in(1);
    Tensor first = o.in(2);
    Tensor second = o.in(3);
    ReferenceStep step = o.step();
    if (!step.mayUpdate(op.immediate() ? o.in(4) : Tensor.NONE)) {
      return;
    }
    double clip = op.immediate() ? 1 : step.clipScale;
    double rate = step.learningRate;
    double beta1 = op.beta1();
    double beta2 = op.beta2();
    double correction1 = 1 - Math.pow(beta1, step.step);
    double correction2 = 1 - Math.pow(beta2, step.step);
    for (int i = 0; i < parameter.size(); i++) {
      double g = gradient.get(i) * clip;
      double p = parameter.get(i) * (1 - rate * op.weightDecay());
      double m = beta1 * first.get(i) + (1 - beta1) * g;
      double v = beta2 * second.get(i) + (1 - beta2) * g * g;
      double denominator = Math.sqrt(v) / Math.sqrt(correction2) + op.epsilon();
      double update = rate / correction1 * m / denominator;
      // The factor of clipping carries four roundings; g^2 has them twice.
      double boundM = 3 * Math.abs(beta1 * first.get(i)) + 8 * Math.abs((1 - beta1) * g);
      double boundV = 3 * Math.abs(beta2 * second.get(i)) + 14 * (1 - beta2) * g * g;
      first.set(i, m, boundM);
      second.set(i, v, boundV);
      double boundUpdate =
          rate / correction1 * boundM / denominator
              + Math.abs(update) * (24 + 1 / correction1 + 1 / correction2);
      parameter.set(i, p - update, 3 * Math.abs(p) + boundUpdate);
    }
  }
}
