package org.quern.exec.vector;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.quern.exec.Status;
import org.quern.ir.Kernel;

/** Kernels that go by indices or positions, and that they refuse those beyond a table. */
class IndexedKernelsTest {
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
        double[] dtables = KernelRig.doubles(table);
        double[] dpositionss = KernelRig.doubles(positions);
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

  @Test
  void cacheAppend() {
    try (KernelRig rig = new KernelRig(2)) {
      int d = 7;
      float[] x = rig.normal(6 * 23);
      float[] cache = rig.normal(2 * 3 * 8 * d);
      long at = rig.floats(cache);
      rig.run(
          rig.record(
              Kernel.CACHE_APPEND_F32,
              new long[] {at, rig.floats(x), rig.ints(5, 1)},
              new long[] {2, 3, 3, 8, d, 23}));
      for (int i = 0; i < 6; i++) {
        int position = i < 3 ? 5 + i : 1 + i - 3;
        for (int head = 0; head < 3; head++) {
          int row = (i / 3 * 3 + head) * 8 + position;
          System.arraycopy(x, i * 23 + head * d, cache, row * d, d);
        }
      }
      assertThat(rig.read(at, cache.length)).isEqualTo(cache);
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
        refuses(
            rig, Kernel.CACHE_APPEND_F32, new long[] {out, x, ids}, 1, bad, 4, 2, 1, 1, 4, 4, 4);
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
}
