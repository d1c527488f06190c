package org.quern.exec.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.ir.Kernel;

/** The norm of the gradients and the optimizers against plain loops in double. */
class OptimizerKernelsTest {
  @Test
  void gradientNorm() {
    int n = 2 * 16384 + 77;
    try (KernelRig rig = new KernelRig(2)) {
      float[] x = rig.normal(n);
      long partial = rig.output(3);
      long out = rig.output(1);
      rig.run(
          rig.record(Kernel.SQUARE_SUM_F32, new long[] {partial, rig.floats(x)}, new long[] {n}));
      double[] sums = new double[3];
      for (int i = 0; i < n; i++) {
        sums[i / 16384] += (double) x[i] * x[i];
      }
      rig.expect("partial sums", partial, sums, 1e-7);
      Memory.setFloat(rig.step + Fields.STEP_MAX_NORM, 2);
      long record = rig.record(Kernel.GRADIENT_NORM_F32, new long[] {out, partial}, new long[] {3});
      double norm = Math.sqrt(sums[0] + sums[1] + sums[2]);
      rig.run(record);
      rig.expect("norm", out, new double[] {norm}, 1e-6);
      rig.expect("norm", rig.step + Fields.STEP_GRAD_NORM, new double[] {norm}, 1e-6);
      rig.expect("clip", rig.step + Fields.STEP_CLIP_SCALE, new double[] {2 / norm}, 1e-6);
      assertThat(Memory.getInt(rig.step + Fields.STEP_NONFINITE)).isZero();
      Memory.setFloat(rig.step + Fields.STEP_MAX_NORM, 0);
      Memory.setFloat(rig.step + Fields.STEP_LOSS, Float.NaN);
      rig.run(record);
      assertThat(Memory.getFloat(rig.step + Fields.STEP_CLIP_SCALE)).isEqualTo(1);
      assertThat(Memory.getInt(rig.step + Fields.STEP_NONFINITE)).isEqualTo(1);
      Memory.setFloat(rig.step + Fields.STEP_LOSS, 0);
      Memory.setFloat(partial, Float.POSITIVE_INFINITY);
      rig.run(record);
      assertThat(Memory.getInt(rig.step + Fields.STEP_NONFINITE)).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 15, 16, 17, 67, 300})
  void optimizers(int n) {
    try (KernelRig rig = new KernelRig(n)) {
      float[] p = rig.normal(n);
      float[] g = rig.normal(n);
      float[] m = rig.normal(n);
      float[] v = rig.normal(n);
      for (int i = 0; i < n; i++) {
        v[i] *= v[i];
      }
      Memory.setLong(rig.step, 7);
      Memory.setFloat(rig.step + Fields.STEP_LEARNING_RATE, 0.01f);
      Memory.setFloat(rig.step + Fields.STEP_CLIP_SCALE, 0.5f);
      double[] adamP = new double[n];
      double[] adamM = new double[n];
      double[] adamV = new double[n];
      double[] sgdP = new double[n];
      double[] sgdM = new double[n];
      double b1 = 0.9f;
      double b2 = 0.99f;
      for (int i = 0; i < n; i++) {
        double clipped = g[i] * 0.5;
        adamM[i] = b1 * m[i] + (1 - b1) * clipped;
        adamV[i] = b2 * v[i] + (1 - b2) * clipped * clipped;
        double denominator = Math.sqrt(adamV[i]) / Math.sqrt(1 - Math.pow(b2, 7)) + 1e-8;
        adamP[i] = p[i] * (1 - 0.01 * 0.1) - 0.01 / (1 - Math.pow(b1, 7)) * adamM[i] / denominator;
        sgdM[i] = b1 * m[i] + clipped + 0.1 * p[i];
        sgdP[i] = p[i] - 0.01 * sgdM[i];
      }
      for (int nonfinite = 0; nonfinite < 2; nonfinite++) {
        Memory.setInt(rig.step + Fields.STEP_NONFINITE, nonfinite);
        long pAt = rig.floats(p);
        long gAt = rig.floats(g);
        long mAt = rig.floats(m);
        long vAt = rig.floats(v);
        long copy = rig.block(2L * n);
        rig.run(
            rig.record(
                Kernel.ADAMW_F32,
                new long[] {pAt, gAt, mAt, vAt, 0, copy},
                new long[] {n},
                0.9f,
                0.99f,
                1e-8f,
                0.1f));
        rig.expect("p", pAt, nonfinite == 0 ? adamP : KernelRig.doubles(p), 1e-6);
        rig.expect("m", mAt, nonfinite == 0 ? adamM : KernelRig.doubles(m), 1e-6);
        rig.expect("v", vAt, nonfinite == 0 ? adamV : KernelRig.doubles(v), 1e-6);
        rig.expect("grad", gAt, KernelRig.doubles(g), 0);
        expectCopy(copy, pAt, n, nonfinite == 0);
        long p2 = rig.floats(p);
        long g2 = rig.floats(g);
        long m2 = rig.floats(m);
        long copy2 = rig.block(2L * n);
        rig.run(
            rig.record(
                Kernel.SGD_F32, new long[] {p2, g2, m2, 0, copy2}, new long[] {n}, 0.9f, 0.1f));
        rig.expect("p", p2, nonfinite == 0 ? sgdP : KernelRig.doubles(p), 1e-6);
        rig.expect("m", m2, nonfinite == 0 ? sgdM : KernelRig.doubles(m), 1e-6);
        rig.expect("grad", g2, KernelRig.doubles(g), 0);
        expectCopy(copy2, p2, n, nonfinite == 0);
      }
    }
  }

  private static void expectCopy(long copy, long weight, int n, boolean updated) {
    for (int i = 0; i < n; i++) {
      float x = updated ? Memory.getFloat(weight + 4L * i) : 0;
      float rounded = Float.intBitsToFloat(Memory.getShort(copy + 2L * i) << Short.SIZE);
      assertThat(rounded).isCloseTo(x, within(Math.abs(x) / 256));
    }
  }
}
