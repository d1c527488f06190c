package org.quern.exec.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.ir.Kernel;

/** The cross-entropy, its gradient and both in one against plain loops in double. */
class CrossEntropyKernelsTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 8, 9, 16, 31, 127, 1000})
  void crossEntropy(int v) {
    int n = 9;
    try (KernelRig rig = new KernelRig(v)) {
      float[] logits = rig.normal(n * v);
      int[] labels = new int[n];
      for (int i = 0; i < n; i++) {
        labels[i] = i % 4 == 1 ? -100 : rig.random.nextInt(v);
      }
      labels[0] = v - 1;
      for (int j = 0; j < v; j++) {
        logits[j] *= 80;
        logits[2 * v + j] *= 1e4f;
      }
      Memory.setFloat(rig.step + Fields.STEP_LOSS_SCALE, 0.125f);
      long labelsAt = rig.ints(labels);
      long logitsAt = rig.floats(logits);
      long losses = rig.output(n);
      long lse = rig.output(n);
      rig.run(
          rig.record(
              Kernel.CROSS_ENTROPY_F32,
              new long[] {losses, lse, logitsAt, labelsAt},
              new long[] {n, v}));
      double[] exact = new double[n];
      double total = 0;
      for (int i = 0; i < n; i++) {
        double max = Double.NEGATIVE_INFINITY;
        for (int j = 0; j < v; j++) {
          max = Math.max(max, logits[i * v + j]);
        }
        double sum = 0;
        for (int j = 0; j < v; j++) {
          sum += Math.exp(logits[i * v + j] - max);
        }
        double expected = max + Math.log(sum);
        exact[i] = expected;
        double loss = labels[i] < 0 ? 0 : expected - logits[i * v + labels[i]];
        total += loss;
        assertThat((double) Memory.getFloat(lse + 4L * i))
            .isCloseTo(expected, within(2e-7 * (1 + Math.abs(expected))));
        assertThat((double) Memory.getFloat(losses + 4L * i))
            .isCloseTo(loss, within(2e-7 * (1 + Math.abs(expected))));
      }
      long out = rig.output(1);
      rig.run(rig.record(Kernel.LOSS_SUM_F32, new long[] {out, losses}, new long[] {n}));
      rig.expect("loss", out, new double[] {total / 8}, 1e-6);
      assertThat(Memory.getFloat(rig.step + Fields.STEP_LOSS)).isEqualTo(Memory.getFloat(out));
      long dlogits = rig.output(n * v);
      float[] lses = rig.read(lse, n);
      double[] expected = new double[n * v];
      for (int i = 0; i < n * v; i++) {
        if (labels[i / v] >= 0) {
          double p = Math.exp((double) logits[i] - lses[i / v]);
          expected[i] = (p - (i % v == labels[i / v] ? 1 : 0)) / 8;
        }
      }
      for (long to : new long[] {dlogits, logitsAt}) {
        rig.run(
            rig.record(
                Kernel.CROSS_ENTROPY_BACKWARD_F32,
                new long[] {to, logitsAt, labelsAt, lse},
                new long[] {n, v}));
        rig.expect("dlogits", to, expected, 2e-6);
      }
      // Not by a sum rounded to a float.
      for (int i = 0; i < n * v; i++) {
        if (labels[i / v] >= 0) {
          double p = Math.exp(logits[i] - exact[i / v]);
          expected[i] = (p - (i % v == labels[i / v] ? 1 : 0)) / 8;
        }
      }
      long own = rig.floats(logits);
      long again = rig.output(n);
      for (long[] fromTo : new long[][] {{own, dlogits}, {own, own}}) {
        rig.run(
            rig.record(
                Kernel.CROSS_ENTROPY_WITH_GRADIENT_F32,
                new long[] {again, fromTo[1], fromTo[0], labelsAt},
                new long[] {n, v}));
        rig.expect("dlogits", fromTo[1], expected, 2e-6);
        for (int i = 0; i < n; i++) {
          double loss = Memory.getFloat(losses + 4L * i);
          assertThat((double) Memory.getFloat(again + 4L * i))
              .isCloseTo(loss, within(2e-7 * (1 + Math.abs(lses[i]) + loss)));
        }
      }
    }
  }
}
