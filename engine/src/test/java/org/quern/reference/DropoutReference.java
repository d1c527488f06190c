package org.quern.reference;

import org.quern.ir.op.Dropout;

/** {@code y = x / (1 - probability)} where {@code random(stream, i) >= probability}, else zero. */
final class DropoutReference {
  private DropoutReference() {}

  static void forward(Dropout op, Operands o) {
    Tensor y = o.out(0);
    for (int i = 0; i < y.size(); i++) {
      boolean kept = o.step().random(op.stream(), i) >= op.probability();
      double value = kept ? o.in(0).get(i) / (1 - (double) op.probability()) : 0;
      y.set(i, value, 4 * Math.abs(value));
    }
  }
}
