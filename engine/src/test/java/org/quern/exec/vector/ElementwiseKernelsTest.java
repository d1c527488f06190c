package org.quern.exec.vector;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.exec.Status;
import org.quern.ir.Kernel;

/** Sums, activations, dropout and sums of columns against plain loops in double. */
class ElementwiseKernelsTest {
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 7, 15, 16, 17, 64, 1023, 1025, 3001})
  void elementwise(int n) {
    try (KernelRig rig = new KernelRig(n)) {
      float[] a = rig.normal(n);
      float[] b = rig.normal(n);
      float[] d = rig.normal(n);
      double[] sum = new double[n];
      for (int i = 0; i < n; i++) {
        sum[i] = (double) a[i] + b[i];
      }
      for (int place = 0; place < 3; place++) {
        long aAt = rig.floats(a);
        long bAt = rig.floats(b);
        long y = place == 0 ? rig.output(n) : place == 1 ? aAt : bAt;
        rig.run(rig.record(Kernel.ADD_F32, new long[] {y, aAt, bAt}, new long[] {n}));
        rig.expect("add", y, sum, 1e-7);
      }
      for (int kind = 0; kind < 4; kind++) {
        double[] act = new double[n];
        double[] slope = new double[n];
        double[] gated = new double[n];
        double[] dgate = new double[n];
        double[] dup = new double[n];
        for (int i = 0; i < n; i++) {
          act[i] = ActivationReference.value(kind, a[i]);
          slope[i] = ActivationReference.slope(kind, a[i]) * d[i];
          gated[i] = act[i] * b[i];
          dgate[i] = slope[i] * b[i];
          dup[i] = act[i] * d[i];
        }
        long[] integers = {n, kind};
        for (boolean inPlace : new boolean[] {false, true}) {
          long aAt = rig.floats(a);
          long bAt = rig.floats(b);
          long dAt = rig.floats(d);
          long dgateAt = rig.output(n);
          long dupAt = inPlace ? dAt : rig.output(n);
          long gatedAt = inPlace ? bAt : rig.output(n);
          long slopeAt = inPlace ? rig.floats(d) : rig.output(n);
          rig.run(
              rig.record(
                  Kernel.ACTIVATION_BACKWARD_F32,
                  new long[] {slopeAt, inPlace ? slopeAt : dAt, aAt},
                  integers));
          rig.run(
              rig.record(
                  Kernel.GATED_ACTIVATION_BACKWARD_F32,
                  new long[] {dgateAt, dupAt, dAt, aAt, bAt},
                  integers));
          rig.run(
              rig.record(Kernel.GATED_ACTIVATION_F32, new long[] {gatedAt, aAt, bAt}, integers));
          if (inPlace) {
            rig.run(rig.record(Kernel.ACTIVATION_F32, new long[] {aAt, aAt}, integers));
            rig.expect("activation", aAt, act, 1e-6);
          }
          rig.expect("slope", slopeAt, slope, 1e-6);
          rig.expect("dgate", dgateAt, dgate, 1e-6);
          rig.expect("dup", dupAt, dup, 1e-6);
          rig.expect("gated", gatedAt, gated, 1e-6);
        }
      }
    }
  }

  @Test
  void dropout() {
    int n = 10_007;
    try (KernelRig rig = new KernelRig(2)) {
      float[] x = rig.normal(n);
      long xAt = rig.floats(x);
      long y = rig.output(n);
      Memory.setLong(rig.step + Fields.STEP_SEED, 5);
      rig.run(rig.record(Kernel.DROPOUT_F32, new long[] {y, xAt}, new long[] {n, 4}, 0.25f));
      long random = rig.block(64) + 16;
      int kept = 0;
      for (int i = 0; i < n; i++) {
        Philox.uniform(random, rig.step, 4, i, 1);
        boolean keep = Memory.getFloat(random) >= 0.25f;
        kept += keep ? 1 : 0;
        assertThat(Memory.getFloat(y + 4L * i)).isEqualTo(keep ? x[i] / 0.75f : 0);
      }
      assertThat(kept).isBetween(7300, 7700);
    }
  }

  @Test
  void columnSum() {
    for (int c : new int[] {1, 15, 16, 33, 67, 200}) {
      for (int n : new int[] {0, 1, 29}) {
        try (KernelRig rig = new KernelRig(c)) {
          float[] x = rig.normal(n * c);
          float[] before = rig.normal(c);
          long out = rig.floats(before);
          rig.run(
              rig.record(
                  Kernel.COLUMN_SUM_F32, new long[] {out, rig.floats(x)}, new long[] {n, c}));
          double[] sums = KernelRig.doubles(before);
          for (int i = 0; i < n * c; i++) {
            sums[i % c] += x[i];
          }
          rig.expect("sums", out, sums, 1e-6);
        }
      }
    }
  }

  @Test
  void refusesUnknownActivations() {
    try (KernelRig rig = new KernelRig(2)) {
      long x = rig.floats(rig.normal(4));
      for (Kernel kernel :
          new Kernel[] {
            Kernel.ACTIVATION_F32,
            Kernel.ACTIVATION_BACKWARD_F32,
            Kernel.GATED_ACTIVATION_F32,
            Kernel.GATED_ACTIVATION_BACKWARD_F32
          }) {
        long record = rig.record(kernel, new long[] {x, x, x, x, x}, new long[] {4, 4});
        assertThat(KernelRig.run(record, 1)).isEqualTo(Status.BAD_PROGRAM);
      }
    }
  }
}
