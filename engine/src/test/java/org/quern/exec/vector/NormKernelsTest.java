package org.quern.exec.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.ir.Kernel;

/** LayerNorm and RmsNorm against plain loops in double. */
class NormKernelsTest {
  private static final float EPSILON = 1e-5f;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 67, 96, 131})
  void layerNorm(int c) {
    int n = 13;
    try (KernelRig rig = new KernelRig(c)) {
      float[] x = rig.normal(n * c);
      float[] gamma = rig.normal(c);
      float[] beta = rig.normal(c);
      float[] dout = rig.normal(n * c);
      long xAt = rig.floats(x);
      long gammaAt = rig.floats(gamma);
      long doutAt = rig.floats(dout);
      for (boolean biased : new boolean[] {true, false}) {
        long out = rig.output(n * c);
        long mean = rig.output(n);
        long rstd = rig.output(n);
        rig.run(
            rig.record(
                Kernel.LAYER_NORM_F32,
                new long[] {out, mean, rstd, xAt, gammaAt, biased ? rig.floats(beta) : 0},
                new long[] {n, c},
                EPSILON));
        long dx = rig.output(n * c);
        long dgamma = rig.floats(gamma);
        long dbeta = biased ? rig.floats(beta) : 0;
        rig.run(
            rig.record(
                Kernel.LAYER_NORM_BACKWARD_F32,
                new long[] {dx, dgamma, dbeta, doutAt, xAt, mean, rstd, gammaAt},
                new long[] {n, c}));
        double[] outs = new double[n * c];
        double[] dxs = new double[n * c];
        double[] dgammas = KernelRig.doubles(gamma);
        double[] dbetas = KernelRig.doubles(beta);
        for (int i = 0; i < n; i++) {
          double m = 0;
          double variance = 0;
          for (int j = 0; j < c; j++) {
            m += (double) x[i * c + j] / c;
          }
          for (int j = 0; j < c; j++) {
            variance += (x[i * c + j] - m) * (x[i * c + j] - m) / c;
          }
          double r = 1 / Math.sqrt(variance + EPSILON);
          double meanD = 0;
          double meanProduct = 0;
          for (int j = 0; j < c; j++) {
            double norm = (x[i * c + j] - m) * r;
            double d = (double) dout[i * c + j] * gamma[j];
            outs[i * c + j] = norm * gamma[j] + (biased ? beta[j] : 0);
            dgammas[j] += dout[i * c + j] * norm;
            dbetas[j] += dout[i * c + j];
            meanD += d / c;
            meanProduct += d * norm / c;
          }
          for (int j = 0; j < c; j++) {
            double norm = (x[i * c + j] - m) * r;
            double d = (double) dout[i * c + j] * gamma[j];
            dxs[i * c + j] = (d - meanD - norm * meanProduct) * r;
          }
        }
        // A single channel has no variance, and rstd multiplies rounding by 300.
        double relative = c == 1 ? 1e-4 : 2e-6;
        rig.expect("out", out, outs, relative);
        rig.expect("dx", dx, dxs, c == 1 ? 1 : 5e-6);
        rig.expect("dgamma", dgamma, dgammas, relative);
        if (biased) {
          rig.expect("dbeta", dbeta, dbetas, 1e-6);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 67, 96, 131})
  void rmsNorm(int c) {
    int n = 13;
    try (KernelRig rig = new KernelRig(c)) {
      float[] x = rig.normal(n * c);
      float[] gamma = rig.normal(c);
      float[] dout = rig.normal(n * c);
      long xAt = rig.floats(x);
      long gammaAt = rig.floats(gamma);
      long out = rig.output(n * c);
      long rstd = rig.output(n);
      long dx = rig.output(n * c);
      long dgamma = rig.floats(gamma);
      rig.run(
          rig.record(
              Kernel.RMS_NORM_F32,
              new long[] {out, rstd, xAt, gammaAt},
              new long[] {n, c},
              EPSILON));
      rig.run(
          rig.record(
              Kernel.RMS_NORM_BACKWARD_F32,
              new long[] {dx, dgamma, rig.floats(dout), xAt, rstd, gammaAt},
              new long[] {n, c}));
      double[] outs = new double[n * c];
      double[] dxs = new double[n * c];
      double[] dgammas = KernelRig.doubles(gamma);
      for (int i = 0; i < n; i++) {
        double square = 0;
        for (int j = 0; j < c; j++) {
          square += (double) x[i * c + j] * x[i * c + j] / c;
        }
        double r = 1 / Math.sqrt(square + EPSILON);
        double mean = 0;
        for (int j = 0; j < c; j++) {
          outs[i * c + j] = x[i * c + j] * r * gamma[j];
          mean += (double) dout[i * c + j] * gamma[j] * x[i * c + j] * r / c;
          dgammas[j] += dout[i * c + j] * x[i * c + j] * r;
        }
        for (int j = 0; j < c; j++) {
          dxs[i * c + j] = (dout[i * c + j] * gamma[j] - x[i * c + j] * r * mean) * r;
        }
      }
      rig.expect("out", out, outs, 1e-6);
      rig.expect("dx", dx, dxs, c == 1 ? 1e-3 : 4e-6);
      rig.expect("dgamma", dgamma, dgammas, 2e-6);
    }
  }

  @Test
  void normsOfExtremeRowsAreFinite() {
    try (KernelRig rig = new KernelRig(1)) {
      float[] x = new float[3 * 19];
      Arrays.fill(x, 19, 38, 1e4f);
      Arrays.fill(x, 38, 57, 1e-40f);
      float[] gamma = rig.normal(19);
      long out = rig.output(57);
      long rstd = rig.output(3);
      long gammaAt = rig.floats(gamma);
      long xAt = rig.floats(x);
      rig.run(
          rig.record(
              Kernel.LAYER_NORM_F32,
              new long[] {out, rig.output(3), rstd, xAt, gammaAt, gammaAt},
              new long[] {3, 19},
              EPSILON));
      for (int i = 0; i < 57; i++) {
        assertThat(Memory.getFloat(out + 4L * i)).isCloseTo(gamma[i % 19], within(1e-5f));
      }
      rig.run(
          rig.record(
              Kernel.RMS_NORM_F32,
              new long[] {out, rstd, xAt, gammaAt},
              new long[] {3, 19},
              EPSILON));
      assertThat(Memory.getFloat(out)).isZero();
      assertThat(Memory.getFloat(out + 4L * 19)).isCloseTo(gamma[0], within(1e-5f));
    }
  }
}
