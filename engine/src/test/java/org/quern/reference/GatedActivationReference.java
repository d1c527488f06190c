package org.quern.reference;

import org.quern.ir.op.ActivationFunction;

/** Shazeer 2020, equation 6: {@code y = act(gate) * up}. */
final class GatedActivationReference {
  private GatedActivationReference() {}

  static void forward(ActivationFunction function, Operands o) {
    for (int i = 0; i < o.out(0).size(); i++) {
      double gate = o.in(0).get(i);
      double up = o.in(1).get(i);
      double y = ActivationReference.value(function, gate) * up;
      double bound = ActivationReference.valueBound(function, gate) * Math.abs(up) + Math.abs(y);
      o.out(0).set(i, y, bound);
    }
  }

  /** {@code dgate = dy up act'(gate); dup = dy act(gate)}. */
  static void backward(ActivationFunction function, Operands o) {
    for (int i = 0; i < o.out(0).size(); i++) {
      double dy = o.in(0).get(i);
      double gate = o.in(1).get(i);
      double scaled = dy * o.in(2).get(i);
      double dgate = scaled * ActivationReference.derivative(function, gate);
      double dup = dy * ActivationReference.value(function, gate);
      double bound = ActivationReference.derivativeBound(function, gate) * Math.abs(scaled);
      o.out(0).set(i, dgate, bound + 2 * Math.abs(dgate));
      bound = ActivationReference.valueBound(function, gate) * Math.abs(dy);
      o.out(1).set(i, dup, bound + Math.abs(dup));
    }
  }
}
