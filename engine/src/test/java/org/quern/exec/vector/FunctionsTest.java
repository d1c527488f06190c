package org.quern.exec.vector;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.quern.ir.Kernel;

class FunctionsTest {
  @Test
  void expIsWithinTwoUlp() {
    try (KernelRig rig = new KernelRig(1)) {
      long at = rig.floats(new float[Lanes.COUNT]);
      for (float x = -87f; x < 88.7f; x += 0.0037f) {
        double expected = Math.exp(x);
        assertThat(Math.abs(exp(at, x) - expected))
            .as("exp(%s)", x)
            .isLessThanOrEqualTo(2 * Math.ulp((float) expected));
      }
    }
  }

  @Test
  void expIsRightAtItsEnds() {
    try (KernelRig rig = new KernelRig(1)) {
      long at = rig.floats(new float[Lanes.COUNT]);
      assertThat(exp(at, 0f)).isEqualTo(1f);
      assertThat(exp(at, -0f)).isEqualTo(1f);
      assertThat(exp(at, Float.MIN_VALUE)).isEqualTo(1f);
      assertThat(exp(at, Float.NEGATIVE_INFINITY)).isEqualTo(0f);
      assertThat(exp(at, Float.POSITIVE_INFINITY)).isEqualTo(Float.POSITIVE_INFINITY);
      assertThat(exp(at, Float.NaN)).isNaN();
      assertThat(exp(at, 1e4f)).isEqualTo(Float.POSITIVE_INFINITY);
      assertThat(exp(at, -1e4f)).isEqualTo(0f);
      assertThat(exp(at, Float.MAX_VALUE)).isEqualTo(Float.POSITIVE_INFINITY);
      assertThat(exp(at, -Float.MAX_VALUE)).isEqualTo(0f);
      assertThat(exp(at, 88.72283f)).isFinite();
      assertThat(exp(at, 88.72284f)).isEqualTo(Float.POSITIVE_INFINITY);
      for (float x : new float[] {-87.5f, -95f, -100f, -103f, -103.9f}) {
        assertThat((double) exp(at, x))
            .isCloseTo(Math.exp(x), org.assertj.core.data.Offset.offset(3e-45));
      }
    }
  }

  private static float exp(long at, float x) {
    Memory.fill(at, Lanes.BYTES, x);
    Functions.exp(at, at, Lanes.BYTES, 0);
    assertThat(Memory.getInt(at)).isEqualTo(Memory.getInt(at + Lanes.BYTES - 4));
    return Memory.getFloat(at);
  }

  @Test
  void activationsAgreeWithTheirFormulas() {
    int n = 60_001;
    try (KernelRig rig = new KernelRig(1)) {
      float[] x = new float[n];
      for (int i = 0; i < n; i++) {
        x[i] = (i - n / 2) * 4e-4f;
      }
      long in = rig.floats(x);
      long out = rig.output(n);
      long slope = rig.output(n);
      float[] ones = new float[n];
      java.util.Arrays.fill(ones, 1f);
      long dy = rig.floats(ones);
      for (int kind = 0; kind < 4; kind++) {
        KernelRig.run(
            rig.record(Kernel.ACTIVATION_F32, new long[] {out, in}, new long[] {n, kind}), 1);
        KernelRig.run(
            rig.record(
                Kernel.ACTIVATION_BACKWARD_F32, new long[] {slope, dy, in}, new long[] {n, kind}),
            1);
        for (int i = 0; i < n; i++) {
          double y = ActivationReference.value(kind, x[i]);
          double s = ActivationReference.slope(kind, x[i]);
          // Relative to the value itself, far out in the tail too, where exp's argument rounds.
          assertThat(Math.abs(Memory.getFloat(out + 4L * i) - y))
              .as("activation %d of %s", kind, x[i])
              .isLessThanOrEqualTo(2e-5 * Math.abs(y) + 1e-37);
          assertThat(Math.abs(Memory.getFloat(slope + 4L * i) - s))
              .as("slope %d of %s", kind, x[i])
              .isLessThanOrEqualTo(6e-7);
        }
      }
    }
  }

  @Test
  void activationsSurviveExtremeValues() {
    float[] x = {
      80,
      -80,
      1e4f,
      -1e4f,
      1e20f,
      -1e20f,
      Float.MAX_VALUE,
      -Float.MAX_VALUE,
      0,
      -0f,
      1e-40f,
      -1e-40f,
      Float.POSITIVE_INFINITY,
      Float.NaN
    };
    try (KernelRig rig = new KernelRig(1)) {
      long in = rig.floats(x);
      float[] ones = new float[x.length];
      java.util.Arrays.fill(ones, 1f);
      long dy = rig.floats(ones);
      for (int kind = 0; kind < 4; kind++) {
        long out = rig.output(x.length);
        long slope = rig.output(x.length);
        // One run: Java leaves the sign of NaN open, and it changes once the code is compiled.
        KernelRig.run(
            rig.record(Kernel.ACTIVATION_F32, new long[] {out, in}, new long[] {x.length, kind}),
            1);
        KernelRig.run(
            rig.record(
                Kernel.ACTIVATION_BACKWARD_F32,
                new long[] {slope, dy, in},
                new long[] {x.length, kind}),
            1);
        for (int i = 0; i < x.length - 2; i++) {
          double y = ActivationReference.value(kind, x[i]);
          assertThat((double) Memory.getFloat(out + 4L * i))
              .as("activation %d of %s", kind, x[i])
              .isCloseTo((float) y, org.assertj.core.data.Offset.offset(1e-6 * Math.abs(y)));
          assertThat((double) Memory.getFloat(slope + 4L * i))
              .as("slope %d of %s", kind, x[i])
              .isCloseTo(
                  ActivationReference.slope(kind, x[i]), org.assertj.core.data.Offset.offset(1e-6));
        }
        assertThat(Memory.getFloat(out + 4L * (x.length - 2))).isEqualTo(Float.POSITIVE_INFINITY);
        assertThat(Memory.getFloat(out + 4L * (x.length - 1))).isNaN();
      }
    }
  }

  /** Known answers from the authors' Random123 distribution, file kat_vectors. */
  @Test
  void philoxGivesThePublishedNumbers() {
    check(0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
    check(-1, -1, -1, -1, -1, -1, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
    check(
        0x243f6a88,
        0x85a308d3,
        0x13198a2e,
        0x03707344,
        0xa4093822,
        0x299f31d0,
        0xd16cfe09,
        0x94fdcceb,
        0x5001e420,
        0x24126ea1);
  }

  private static void check(
      int c0, int c1, int c2, int c3, int k0, int k1, int w0, int w1, int w2, int w3) {
    try (KernelRig rig = new KernelRig(1)) {
      long at = rig.ints(0, 0, 0, 0);
      Philox.words(at, c0, c1, c2, c3, k0, k1);
      assertThat(Memory.getInt(at)).isEqualTo(w0);
      assertThat(Memory.getInt(at + 4)).isEqualTo(w1);
      assertThat(Memory.getInt(at + 8)).isEqualTo(w2);
      assertThat(Memory.getInt(at + 12)).isEqualTo(w3);
    }
  }

  @Test
  void randomNumbersDependOnTheirIndexAlone() {
    try (KernelRig rig = new KernelRig(1)) {
      Memory.setLong(rig.step + Fields.STEP_SEED, 0x299f31d0a4093822L);
      Memory.setLong(rig.step + Fields.STEP_SEQUENCE, 0x5_0370_7344L);
      long at = rig.work + 64;
      long first = 0x123456789AL << 2;
      Philox.uniform(at, rig.step, 0x13198a2e, first, 64);
      float[] all = rig.read(at, 64);
      assertThat(all).doesNotContain(1f);
      for (int from = 0; from < 9; from++) {
        for (int count = 1; count < 20; count++) {
          Philox.uniform(at, rig.step, 0x13198a2e, first + from, count);
          assertThat(rig.read(at, count))
              .isEqualTo(java.util.Arrays.copyOfRange(all, from, from + count));
        }
      }
      Philox.words(at, 0x3456789A, 0x12, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0);
      for (int i = 0; i < 4; i++) {
        assertThat(all[i]).isEqualTo((Memory.getInt(at + 4L * i) >>> 8) * 0x1p-24f);
      }
    }
  }
}
