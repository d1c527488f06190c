package org.quern.reference;

import org.quern.ir.op.Matmul;

/** {@code out = x op(weight) + bias}, the sum over k written out. */
final class MatmulReference {
  private MatmulReference() {}

  static void forward(Matmul op, Operands o) {
    Tensor x = o.in(0);
    Tensor weight = o.in(1);
    Tensor bias = o.in(2);
    Tensor out = o.out(0);
    int inner = x.last();
    int columns = out.last();
    for (int m = 0; m < out.rows(); m++) {
      for (int n = 0; n < columns; n++) {
        double sum = bias.isNone() ? 0 : bias.get(n);
        double magnitude = Math.abs(sum);
        for (int k = 0; k < inner; k++) {
          double term = x.get(m * inner + k) * at(weight, op.transposed(), k, n);
          sum += term;
          magnitude += Math.abs(term);
        }
        out.set(m * columns + n, sum, (inner + 2) * magnitude);
      }
    }
  }

  /** {@code dx[m,k] = sum over n of dout[m,n] op(weight)[k,n]}. */
  static void inputGradient(Matmul.InputGradient op, Operands o) {
    Tensor dout = o.in(0);
    Tensor dx = o.out(0);
    int columns = dout.last();
    for (int m = 0; m < dx.rows(); m++) {
      for (int k = 0; k < dx.last(); k++) {
        double sum = 0;
        double magnitude = 0;
        for (int n = 0; n < columns; n++) {
          double term = dout.get(m * columns + n) * at(o.in(1), op.transposed(), k, n);
          sum += term;
          magnitude += Math.abs(term);
        }
        dx.set(m * dx.last() + k, sum, (columns + 2) * magnitude);
      }
    }
  }

  /** {@code dop(weight)[k,n] += sum over m of x[m,k] dout[m,n]}. */
  static void weightGradient(Matmul.WeightGradient op, Operands o) {
    Tensor dout = o.in(0);
    Tensor x = o.in(1);
    Tensor dweight = o.in(2);
    for (int k = 0; k < x.last(); k++) {
      for (int n = 0; n < dout.last(); n++) {
        double sum = 0;
        double magnitude = 0;
        for (int m = 0; m < x.rows(); m++) {
          double term = x.get(m * x.last() + k) * dout.get(m * dout.last() + n);
          sum += term;
          magnitude += Math.abs(term);
        }
        dweight.accumulate(index(dweight, op.transposed(), k, n), sum, magnitude, x.rows());
      }
    }
  }

  private static double at(Tensor weight, boolean transposed, int k, int n) {
    return weight.get(index(weight, transposed, k, n));
  }

  private static int index(Tensor weight, boolean transposed, int k, int n) {
    return transposed ? n * weight.last() + k : k * weight.last() + n;
  }
}
