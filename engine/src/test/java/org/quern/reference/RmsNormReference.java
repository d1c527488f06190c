package org.quern.reference;

import org.quern.ir.op.RmsNorm;

/** Zhang and Sennrich 2019, equation 4: {@code out = x * rstd * gamma}. */
final class RmsNormReference {
  private RmsNormReference() {}

  static void forward(RmsNorm op, Operands o) {
    Tensor x = o.in(0);
    Tensor gamma = o.in(1);
    int channels = x.last();
    for (int n = 0; n < x.rows(); n++) {
      double squares = 0;
      for (int c = 0; c < channels; c++) {
        squares += x.get(n * channels + c) * x.get(n * channels + c);
      }
      double rstd = 1 / Math.sqrt(squares / channels + op.epsilon());
      double relative = 0.5 * (channels + 2) + 4;
      o.out(1).set(n, rstd, relative * rstd);
      for (int c = 0; c < channels; c++) {
        double y = x.get(n * channels + c) * rstd * gamma.get(c);
        o.out(0).set(n * channels + c, y, (relative + 2) * Math.abs(y));
      }
    }
  }

  /**
   * With g = dout * gamma and n = x * rstd: dx = rstd * (g - n * mean(g * n)); dgamma += dout n.
   */
  static void backward(Operands o) {
    Tensor dout = o.in(0);
    Tensor x = o.in(1);
    Tensor rstd = o.in(2);
    Tensor gamma = o.in(3);
    Tensor dgamma = o.in(4);
    int channels = x.last();
    double[] sum = new double[channels];
    double[] magnitude = new double[channels];
    for (int n = 0; n < x.rows(); n++) {
      double scale = rstd.get(n);
      double mean = 0;
      double meanMagnitude = 0;
      for (int c = 0; c < channels; c++) {
        int i = n * channels + c;
        double term = dout.get(i) * gamma.get(c) * x.get(i) * scale;
        mean += term / channels;
        meanMagnitude += Math.abs(term) / channels;
        sum[c] += dout.get(i) * x.get(i) * scale;
        magnitude[c] += Math.abs(dout.get(i) * x.get(i) * scale);
      }
      for (int c = 0; c < channels; c++) {
        int i = n * channels + c;
        double g = dout.get(i) * gamma.get(c);
        double normal = x.get(i) * scale;
        double bound =
            Math.abs(scale) * (4 * Math.abs(g) + (channels + 8) * Math.abs(normal) * meanMagnitude);
        o.out(0).set(i, scale * (g - normal * mean), bound);
      }
    }
    for (int c = 0; c < channels; c++) {
      dgamma.accumulate(c, sum[c], magnitude[c], x.rows() + 2);
    }
  }
}
