package org.quern.reference;

import org.quern.ir.op.LayerNorm;

/** Ba, Kiros and Hinton 2016, equation 4: {@code out = (x - mean) * rstd * gamma + beta}. */
final class LayerNormReference {
  private LayerNormReference() {}

  static void forward(LayerNorm op, Operands o) {
    Tensor x = o.in(0);
    Tensor gamma = o.in(1);
    Tensor beta = o.in(2);
    int channels = x.last();
    for (int n = 0; n < x.rows(); n++) {
      int row = n * channels;
      double mean = 0;
      double meanMagnitude = 0;
      for (int c = 0; c < channels; c++) {
        mean += x.get(row + c) / channels;
        meanMagnitude += Math.abs(x.get(row + c)) / channels;
      }
      double variance = 0;
      for (int c = 0; c < channels; c++) {
        double centred = x.get(row + c) - mean;
        variance += centred * centred / channels;
      }
      double rstd = 1 / Math.sqrt(variance + op.epsilon());
      double boundMean = (channels + 2) * meanMagnitude;
      // A mean that is off by d adds d^2 to the variance, which matters where that is near zero.
      double boundVariance =
          (channels + 4) * variance + boundMean * boundMean * Tensor.UNIT + op.epsilon();
      double boundRstd = 0.5 * rstd * rstd * rstd * boundVariance + 3 * rstd;
      o.out(1).set(n, mean, boundMean);
      o.out(2).set(n, rstd, boundRstd);
      for (int c = 0; c < channels; c++) {
        double centred = x.get(row + c) - mean;
        double scaled = centred * rstd * gamma.get(c);
        double out = scaled + (beta.isNone() ? 0 : beta.get(c));
        double bound =
            Math.abs(gamma.get(c)) * (boundMean * rstd + Math.abs(centred) * boundRstd)
                + 3 * Math.abs(scaled)
                + Math.abs(out);
        o.out(0).set(row + c, out, bound);
      }
    }
  }

  /**
   * With g = dout * gamma and n = (x - mean) * rstd: dx = rstd * (g - mean(g) - n * mean(g * n));
   * dgamma += dout n; dbeta += dout.
   */
  static void backward(Operands o) {
    Tensor dout = o.in(0);
    Tensor x = o.in(1);
    Tensor gamma = o.in(4);
    int channels = x.last();
    double[] sum = new double[channels];
    double[] magnitude = new double[channels];
    double[] plain = new double[channels];
    double[] plainMagnitude = new double[channels];
    for (int n = 0; n < x.rows(); n++) {
      double mean = o.in(2).get(n);
      double rstd = o.in(3).get(n);
      double meanG = 0;
      double meanGMagnitude = 0;
      double meanGn = 0;
      double meanGnMagnitude = 0;
      for (int c = 0; c < channels; c++) {
        int i = n * channels + c;
        double normal = (x.get(i) - mean) * rstd;
        double g = dout.get(i) * gamma.get(c);
        meanG += g / channels;
        meanGMagnitude += Math.abs(g) / channels;
        meanGn += g * normal / channels;
        meanGnMagnitude += Math.abs(g * normal) / channels;
        sum[c] += dout.get(i) * normal;
        magnitude[c] += Math.abs(dout.get(i) * normal);
        plain[c] += dout.get(i);
        plainMagnitude[c] += Math.abs(dout.get(i));
      }
      for (int c = 0; c < channels; c++) {
        int i = n * channels + c;
        double normal = (x.get(i) - mean) * rstd;
        double g = dout.get(i) * gamma.get(c);
        double bound =
            Math.abs(rstd)
                * (5 * Math.abs(g)
                    + (channels + 6) * meanGMagnitude
                    + (channels + 10) * Math.abs(normal) * meanGnMagnitude);
        o.out(0).set(i, rstd * (g - meanG - normal * meanGn), bound);
      }
    }
    for (int c = 0; c < channels; c++) {
      o.in(5).accumulate(c, sum[c], magnitude[c], x.rows() + 3);
      if (!o.in(6).isNone()) {
        o.in(6).accumulate(c, plain[c], plainMagnitude[c], x.rows());
      }
    }
  }
}
