package org.quern.reference;

/** {@code out[c] += sum over n of x[n,c]}. */
final class ColumnSumReference {
  private ColumnSumReference() {}

  static void forward(Operands o) {
    Tensor x = o.in(0);
    Tensor out = o.in(1);
    for (int c = 0; c < x.last(); c++) {
      double sum = 0;
      double magnitude = 0;
      for (int n = 0; n < x.rows(); n++) {
        double term = x.get(n * x.last() + c);
        sum += term;
        magnitude += Math.abs(term);
      }
      out.accumulate(c, sum, magnitude, x.rows());
    }
  }
}
