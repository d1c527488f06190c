package org.quern.exec.vector;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.exec.Status;
import org.quern.ir.Kernel;

class AttentionKernelTest {
  /** B, T, H, G, D, S, window, causal; start: -1 for none; extra stride; dropout. */
  record Shape(
      int b,
      int t,
      int h,
      int g,
      int d,
      int s,
      int window,
      int causal,
      int start,
      int extra,
      float dropout) {}

  static Stream<Shape> shapes() {
    return Stream.of(
        new Shape(1, 1, 1, 1, 1, 1, 0, 1, -1, 0, 0),
        new Shape(2, 5, 2, 2, 8, 5, 0, 1, -1, 0, 0),
        new Shape(1, 67, 2, 1, 16, 67, 0, 1, -1, 0, 0),
        new Shape(2, 131, 4, 2, 24, 131, 0, 1, -1, 3, 0),
        new Shape(1, 200, 2, 2, 64, 200, 0, 1, -1, 0, 0),
        new Shape(1, 150, 3, 1, 19, 150, 40, 1, -1, 0, 0),
        new Shape(1, 150, 1, 1, 8, 150, 1, 1, -1, 0, 0),
        new Shape(2, 9, 2, 1, 7, 31, 0, 0, -1, 1, 0),
        new Shape(1, 61, 2, 1, 33, 129, 0, 0, -1, 0, 0),
        new Shape(2, 53, 2, 2, 16, 53, 0, 1, -1, 0, 0.25f),
        new Shape(1, 20, 2, 1, 16, 70, 0, 0, -1, 0, 0.5f),
        new Shape(2, 1, 4, 2, 16, 90, 0, 1, 40, 0, 0),
        new Shape(1, 1, 2, 1, 70, 700, 0, 1, 650, 0, 0),
        new Shape(2, 3, 2, 1, 9, 700, 530, 1, 600, 2, 0.3f),
        new Shape(1, 9, 2, 1, 16, 90, 12, 1, 70, 0, 0),
        new Shape(1, 30, 1, 1, 600, 30, 0, 1, -1, 0, 0),
        new Shape(1, 20, 1, 1, 1030, 20, 0, 1, -1, 0, 0));
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void forwardAgreesWithTheFormula(Shape shape) {
    try (KernelRig rig = new KernelRig(shape.hashCode())) {
      Case c = new Case(rig, shape);
      rig.run(c.forward);
      Reference r = c.reference();
      c.expectRows("out", c.out, r.out, c.oStride, shape.b * shape.t, shape.h * shape.d, 4e-6);
      rig.expect("lse", c.lse, r.lse, 4e-6);
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void backwardAgreesWithTheFormula(Shape shape) {
    if (shape.start >= 0) {
      return;
    }
    try (KernelRig rig = new KernelRig(shape.hashCode())) {
      Case c = new Case(rig, shape);
      assertThat(KernelRig.run(c.forward, 1)).isEqualTo(Status.OK);
      float[] dout = rig.normal(c.size(shape.b * shape.t, c.oStride, shape.h * shape.d));
      long dq = rig.output(c.q.length);
      long dk = rig.output(c.k.length);
      long dv = rig.output(c.v.length);
      long record =
          rig.record(
              Kernel.ATTENTION_BACKWARD_F32,
              new long[] {dq, dk, dv, rig.floats(dout), c.qAt, c.kAt, c.vAt, c.out, c.lse},
              c.integers(),
              c.scale,
              shape.dropout);
      rig.run(record);
      Reference r = c.reference();
      r.backward(c, dout);
      int rows = shape.b * shape.t;
      int keys = shape.b * shape.s;
      c.expectRows("dq", dq, r.dq, c.qStride, rows, shape.h * shape.d, 2e-5);
      c.expectRows("dk", dk, r.dk, c.kStride, keys, shape.g * shape.d, 2e-5);
      c.expectRows("dv", dv, r.dv, c.vStride, keys, shape.g * shape.d, 2e-5);
    }
  }

  @Test
  void rowsThatSeeNothingAreZero() {
    try (KernelRig rig = new KernelRig(5)) {
      long q = rig.floats(rig.normal(6 * 8));
      long out = rig.output(6 * 8);
      long lse = rig.output(6);
      long record =
          rig.record(
              Kernel.ATTENTION_F32,
              new long[] {out, lse, q, 0, 0, 0},
              new long[] {1, 6, 1, 1, 8, 8, 8, 8, 8, 0, 0, 1, 0},
              1);
      rig.run(record);
      assertThat(rig.read(out, 48)).containsOnly(0);
      assertThat(rig.read(lse, 6)).containsOnly(Float.NEGATIVE_INFINITY);
    }
  }

  @Test
  void extremeScoresNeitherOverflowNorVanish() {
    for (float size : new float[] {80, 1e4f}) {
      for (int t : new int[] {2, 60}) {
        try (KernelRig rig = new KernelRig(6)) {
          Shape shape = new Shape(1, t, 1, 1, 8, t, 0, 1, -1, 0, 0);
          Case c = new Case(rig, shape);
          for (int i = 0; i < c.q.length; i++) {
            c.q[i] *= size;
            Memory.setFloat(c.qAt + 4L * i, c.q[i]);
          }
          rig.run(c.forward);
          Reference r = c.reference();
          rig.expect("lse", c.lse, r.lse, 1e-6);
          // The scores round to size * 1e-6, and the weights move by as much.
          rig.expect("out", c.out, r.out, size * 4e-6);
        }
      }
    }
  }

  private static final class Case {
    final KernelRig rig;
    final Shape shape;
    final float scale;
    final int qStride;
    final int kStride;
    final int vStride;
    final int oStride;
    final float[] q;
    final float[] k;
    final float[] v;
    final long qAt;
    final long kAt;
    final long vAt;
    final long out;
    final long lse;
    final long forward;

    Case(KernelRig rig, Shape shape) {
      this.rig = rig;
      this.shape = shape;
      scale = (float) (1 / Math.sqrt(shape.d));
      qStride = shape.h * shape.d + shape.extra;
      kStride = shape.g * shape.d + 2 * shape.extra;
      vStride = shape.g * shape.d + 3 * shape.extra;
      oStride = shape.h * shape.d + 4 * shape.extra;
      q = rig.normal(size(shape.b * shape.t, qStride, shape.h * shape.d));
      k = rig.normal(size(shape.b * shape.s, kStride, shape.g * shape.d));
      v = rig.normal(size(shape.b * shape.s, vStride, shape.g * shape.d));
      qAt = rig.floats(q);
      kAt = rig.floats(k);
      vAt = rig.floats(v);
      out = rig.output(size(shape.b * shape.t, oStride, shape.h * shape.d));
      lse = rig.output(shape.b * shape.h * shape.t);
      int[] starts = new int[shape.b];
      for (int i = 0; i < shape.b; i++) {
        starts[i] = shape.start - i;
      }
      Memory.setLong(rig.step + Fields.STEP_SEED, 77);
      Memory.setLong(rig.step + Fields.STEP_SEQUENCE, 3);
      forward =
          rig.record(
              Kernel.ATTENTION_F32,
              new long[] {out, lse, qAt, kAt, vAt, shape.start < 0 ? 0 : rig.ints(starts)},
              integers(),
              scale,
              shape.dropout);
    }

    int size(int rows, int stride, int columns) {
      return (rows - 1) * stride + columns;
    }

    long[] integers() {
      return new long[] {
        shape.b,
        shape.t,
        shape.h,
        shape.g,
        shape.d,
        qStride,
        kStride,
        vStride,
        oStride,
        shape.s,
        shape.window,
        shape.causal,
        9
      };
    }

    Reference reference() {
      return new Reference(this);
    }

    void expectRows(
        String what,
        long address,
        double[] expected,
        int stride,
        int rows,
        int columns,
        double relative) {
      double[] all = new double[size(rows, stride, columns)];
      float[] actual = rig.read(address, all.length);
      for (int i = 0; i < all.length; i++) {
        all[i] = i % stride < columns ? expected[i / stride * columns + i % stride] : actual[i];
        if (i % stride >= columns) {
          assertThat(actual[i]).as("%s between rows", what).isNaN();
        }
      }
      rig.expect(what, address, all, relative);
    }
  }

  /** The formula, in double, with all weights. */
  private static final class Reference {
    final double[] out;
    final double[] lse;
    final double[][] weights;
    final double[][] kept;
    double[] dq;
    double[] dk;
    double[] dv;

    Reference(Case c) {
      Shape s = c.shape;
      out = new double[s.b * s.t * s.h * s.d];
      lse = new double[s.b * s.h * s.t];
      weights = new double[lse.length][s.s];
      kept = new double[lse.length][s.s];
      long random = c.rig.block(64);
      for (int b = 0; b < s.b; b++) {
        for (int h = 0; h < s.h; h++) {
          for (int t = 0; t < s.t; t++) {
            int row = (b * s.h + h) * s.t + t;
            int position = s.start < 0 ? t : s.start - b + t;
            double sum = 0;
            double max = Double.NEGATIVE_INFINITY;
            for (int key = 0; key < s.s; key++) {
              boolean seen =
                  s.causal == 0 || key <= position && (s.window == 0 || key > position - s.window);
              double score = 0;
              for (int d = 0; d < s.d; d++) {
                score +=
                    (double) c.q[(b * s.t + t) * c.qStride + h * s.d + d]
                        * c.k[(b * s.s + key) * c.kStride + h / (s.h / s.g) * s.d + d];
              }
              weights[row][key] = seen ? score * c.scale : Double.NEGATIVE_INFINITY;
              max = Math.max(max, weights[row][key]);
            }
            for (int key = 0; key < s.s; key++) {
              sum += Math.exp(weights[row][key] - max);
            }
            lse[row] = max + Math.log(sum);
            for (int key = 0; key < s.s; key++) {
              weights[row][key] = Math.exp(weights[row][key] - lse[row]);
              kept[row][key] = 1;
              if (s.dropout > 0) {
                Philox.uniform(random + 16, c.rig.step, 9, (long) row * s.s + key, 1);
                boolean keep = Memory.getFloat(random + 16) >= s.dropout;
                kept[row][key] = keep ? 1.0 / (1 - s.dropout) : 0;
              }
              for (int d = 0; d < s.d; d++) {
                out[((b * s.t + t) * s.h + h) * s.d + d] +=
                    weights[row][key]
                        * kept[row][key]
                        * c.v[(b * s.s + key) * c.vStride + h / (s.h / s.g) * s.d + d];
              }
            }
          }
        }
      }
    }

    void backward(Case c, float[] dout) {
      Shape s = c.shape;
      dq = new double[s.b * s.t * s.h * s.d];
      dk = new double[s.b * s.s * s.g * s.d];
      dv = new double[s.b * s.s * s.g * s.d];
      for (int b = 0; b < s.b; b++) {
        for (int h = 0; h < s.h; h++) {
          int g = h / (s.h / s.g);
          for (int t = 0; t < s.t; t++) {
            int row = (b * s.h + h) * s.t + t;
            double[] dp = new double[s.s];
            double delta = 0;
            for (int key = 0; key < s.s; key++) {
              for (int d = 0; d < s.d; d++) {
                double gradient = dout[(b * s.t + t) * c.oStride + h * s.d + d];
                dp[key] +=
                    gradient * kept[row][key] * c.v[(b * s.s + key) * c.vStride + g * s.d + d];
                dv[((b * s.s + key) * s.g + g) * s.d + d] +=
                    weights[row][key] * kept[row][key] * gradient;
              }
              delta += weights[row][key] * dp[key];
            }
            for (int key = 0; key < s.s; key++) {
              double ds = weights[row][key] * (dp[key] - delta) * c.scale;
              for (int d = 0; d < s.d; d++) {
                dq[((b * s.t + t) * s.h + h) * s.d + d] +=
                    ds * c.k[(b * s.s + key) * c.kStride + g * s.d + d];
                dk[((b * s.s + key) * s.g + g) * s.d + d] +=
                    ds * c.q[(b * s.t + t) * c.qStride + h * s.d + d];
              }
            }
          }
        }
      }
    }
  }
}
