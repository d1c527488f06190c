package org.quern.exec.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.exec.Status;
import org.quern.ir.Kernel;

/** Every kernel but the products and attention against plain loops in double. */
class KernelsTest {
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
        double[] dgammas = doubles(gamma);
        double[] dbetas = doubles(beta);
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
      double[] dgammas = doubles(gamma);
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
      java.util.Arrays.fill(x, 19, 38, 1e4f);
      java.util.Arrays.fill(x, 38, 57, 1e-40f);
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
        assertThat(Memory.getFloat(out + 4L * i))
            .isCloseTo(gamma[i % 19], org.assertj.core.data.Offset.offset(1e-5f));
      }
      rig.run(
          rig.record(
              Kernel.RMS_NORM_F32,
              new long[] {out, rstd, xAt, gammaAt},
              new long[] {3, 19},
              EPSILON));
      assertThat(Memory.getFloat(out)).isZero();
      assertThat(Memory.getFloat(out + 4L * 19))
          .isCloseTo(gamma[0], org.assertj.core.data.Offset.offset(1e-5f));
    }
  }

  @Test
  void embedding() {
    int b = 3;
    int t = 5;
    int v = 11;
    int p = 9;
    for (int c : new int[] {1, 16, 19, 67}) {
      try (KernelRig rig = new KernelRig(c)) {
        float[] table = rig.normal(v * c);
        float[] positions = rig.normal(p * c);
        float[] dout = rig.normal(b * t * c);
        int[] ids = new int[b * t];
        for (int i = 0; i < ids.length; i++) {
          ids[i] = rig.random.nextInt(4) == 0 ? v - 1 : rig.random.nextInt(v);
        }
        long idsAt = rig.ints(ids);
        long tableAt = rig.floats(table);
        long positionsAt = rig.floats(positions);
        long startsAt = rig.ints(0, 4, 2);
        long[] integers = {(long) b * t, c, v, t, p};
        for (int mode = 0; mode < 3; mode++) {
          long out = rig.output(b * t * c);
          rig.run(
              rig.record(
                  Kernel.EMBEDDING_F32,
                  new long[] {
                    out, idsAt, tableAt, mode > 0 ? positionsAt : 0, mode > 1 ? startsAt : 0
                  },
                  integers));
          double[] outs = new double[b * t * c];
          for (int i = 0; i < outs.length; i++) {
            int row = i / c;
            int position = row % t + (mode > 1 ? new int[] {0, 4, 2}[row / t] : 0);
            float at = mode > 0 ? positions[position * c + i % c] : 0;
            outs[i] = table[ids[row] * c + i % c] + at;
          }
          rig.expect("out", out, outs, 1e-7);
        }
        long dtable = rig.floats(table);
        long dpositions = rig.floats(positions);
        long doutAt = rig.floats(dout);
        rig.run(
            rig.record(
                Kernel.EMBEDDING_BACKWARD_F32,
                new long[] {dtable, idsAt, doutAt, dpositions},
                integers));
        double[] dtables = doubles(table);
        double[] dpositionss = doubles(positions);
        for (int i = 0; i < b * t * c; i++) {
          dtables[ids[i / c] * c + i % c] += dout[i];
          dpositionss[i / c % t * c + i % c] += dout[i];
        }
        rig.expect("dtable", dtable, dtables, 1e-6);
        rig.expect("dpositions", dpositions, dpositionss, 1e-6);
        rig.run(
            rig.record(
                Kernel.EMBEDDING_BACKWARD_F32,
                new long[] {0, idsAt, doutAt, dpositions},
                integers));
      }
    }
  }

  @Test
  void rope() {
    int b = 2;
    int t = 4;
    int h = 3;
    int p = 9;
    for (int[] sizes : new int[][] {{2, 2}, {16, 16}, {20, 10}, {64, 64}, {38, 34}}) {
      int d = sizes[0];
      int r = sizes[1];
      try (KernelRig rig = new KernelRig(d)) {
        float[] x = rig.normal(b * t * h * d);
        float[] table = rig.normal(p * r);
        long tableAt = rig.floats(table);
        long startsAt = rig.ints(5, 2);
        for (int inverse = 0; inverse < 2; inverse++) {
          long xAt = rig.floats(x);
          long y = rig.output(x.length);
          long[] integers = {(long) b * t, t, h, d, p, inverse, r};
          rig.run(rig.record(Kernel.ROPE_F32, new long[] {y, xAt, tableAt, startsAt}, integers));
          double[] ys = new double[x.length];
          for (int i = 0; i < x.length; i++) {
            int row = i / (h * d);
            int j = i % d;
            int at = (row % t + (row < t ? 5 : 2)) * r;
            int angle = j % (r / 2);
            double sine = table[at + r / 2 + angle] * (inverse == 1 ? -1.0 : 1.0);
            double cosine = table[at + angle];
            ys[i] =
                j >= r
                    ? x[i]
                    : j < r / 2
                        ? x[i] * cosine - x[i + r / 2] * sine
                        : x[i] * cosine + x[i - r / 2] * sine;
          }
          rig.expect("y", y, ys, 1e-6);
          rig.run(rig.record(Kernel.ROPE_F32, new long[] {xAt, xAt, tableAt, startsAt}, integers));
          rig.expect("y in place", xAt, ys, 1e-6);
        }
      }
    }
  }

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
            .isCloseTo(
                expected, org.assertj.core.data.Offset.offset(2e-7 * (1 + Math.abs(expected))));
        assertThat((double) Memory.getFloat(losses + 4L * i))
            .isCloseTo(loss, org.assertj.core.data.Offset.offset(2e-7 * (1 + Math.abs(expected))));
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
              .isCloseTo(
                  loss, org.assertj.core.data.Offset.offset(2e-7 * (1 + Math.abs(lses[i]) + loss)));
        }
      }
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
          double[] sums = doubles(before);
          for (int i = 0; i < n * c; i++) {
            sums[i % c] += x[i];
          }
          rig.expect("sums", out, sums, 1e-6);
        }
      }
    }
  }

  @Test
  void cacheAppend() {
    try (KernelRig rig = new KernelRig(2)) {
      int c = 19;
      float[] x = rig.normal(5 * 23 + c);
      float[] cache = rig.normal(2 * 8 * c);
      long at = rig.floats(cache);
      rig.run(
          rig.record(
              Kernel.CACHE_APPEND_F32,
              new long[] {at, rig.floats(x), rig.ints(5, 1)},
              new long[] {2, 3, c, 8, 23}));
      for (int i = 0; i < 6; i++) {
        int row = i < 3 ? 5 + i : 8 + 1 + i - 3;
        System.arraycopy(x, i * 23, cache, row * c, c);
      }
      assertThat(rig.read(at, cache.length)).isEqualTo(cache);
    }
  }

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
        rig.expect("p", pAt, nonfinite == 0 ? adamP : doubles(p), 1e-6);
        rig.expect("m", mAt, nonfinite == 0 ? adamM : doubles(m), 1e-6);
        rig.expect("v", vAt, nonfinite == 0 ? adamV : doubles(v), 1e-6);
        rig.expect("grad", gAt, doubles(g), 0);
        expectCopy(copy, pAt, n, nonfinite == 0);
        long p2 = rig.floats(p);
        long g2 = rig.floats(g);
        long m2 = rig.floats(m);
        long copy2 = rig.block(2L * n);
        rig.run(
            rig.record(
                Kernel.SGD_F32, new long[] {p2, g2, m2, 0, copy2}, new long[] {n}, 0.9f, 0.1f));
        rig.expect("p", p2, nonfinite == 0 ? sgdP : doubles(p), 1e-6);
        rig.expect("m", m2, nonfinite == 0 ? sgdM : doubles(m), 1e-6);
        rig.expect("grad", g2, doubles(g), 0);
        expectCopy(copy2, p2, n, nonfinite == 0);
      }
    }
  }

  /** A weight's copy in BF16, or what was there before where there was no update: zeros. */
  private static void expectCopy(long copy, long weight, int n, boolean updated) {
    for (int i = 0; i < n; i++) {
      float x = updated ? Memory.getFloat(weight + 4L * i) : 0;
      float rounded = Float.intBitsToFloat(Memory.getShort(copy + 2L * i) << Short.SIZE);
      assertThat(rounded).isCloseTo(x, within(Math.abs(x) / 256));
    }
  }

  @Test
  void refusesIndicesBeyondTheTable() {
    try (KernelRig rig = new KernelRig(2)) {
      long x = rig.floats(rig.normal(64));
      long out = rig.output(64);
      for (int bad : new int[] {-1, 4, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
        long ids = rig.ints(1, bad);
        refuses(rig, Kernel.EMBEDDING_F32, new long[] {out, ids, x}, 1, bad, 4, 2, 16, 4, 2, 0);
        refuses(
            rig, Kernel.EMBEDDING_BACKWARD_F32, new long[] {out, ids, x}, 1, bad, 4, 2, 16, 4, 2);
        refuses(rig, Kernel.CROSS_ENTROPY_F32, new long[] {out, out, x, ids}, 1, bad, 4, 2, 4);
        refuses(
            rig, Kernel.CROSS_ENTROPY_BACKWARD_F32, new long[] {out, x, ids, x}, 1, bad, 4, 2, 4);
        long[] both = {out, out, x, ids};
        refuses(rig, Kernel.CROSS_ENTROPY_WITH_GRADIENT_F32, both, 1, bad, 4, 2, 4);
        refuses(
            rig, Kernel.ROPE_F32, new long[] {out, x, x, ids}, 1, bad, 4, 2, 1, 1, 16, 4, 0, 16);
        refuses(rig, Kernel.CACHE_APPEND_F32, new long[] {out, x, ids}, 1, bad, 4, 2, 1, 4, 4, 4);
      }
      long good = rig.ints(1, 2);
      refuses(
          rig,
          Kernel.EMBEDDING_F32,
          new long[] {out, good, x, x, rig.ints(0, 3)},
          1,
          3,
          3,
          2,
          4,
          4,
          1,
          3);
    }
  }

  private static void refuses(
      KernelRig rig,
      Kernel kernel,
      long[] pointers,
      long row,
      long index,
      long limit,
      long... integers) {
    assertThat(KernelRig.run(rig.record(kernel, pointers, integers), 1))
        .as("%s", kernel)
        .isEqualTo(Status.BAD_INDEX);
    assertThat(Memory.getLong(rig.work)).isEqualTo(row);
    assertThat(Memory.getLong(rig.work + 8)).isEqualTo(index);
    assertThat(Memory.getLong(rig.work + 16)).isEqualTo(limit);
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

  private static double[] doubles(float[] values) {
    double[] result = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      result[i] = values[i];
    }
    return result;
  }
}
