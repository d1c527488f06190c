package org.quern.exec.vector;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.exec.Status;
import org.quern.ir.Kernel;

class MatmulKernelTest {
  private static final int[] SIZES = {
    1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 23, 31, 32, 33, 37, 48, 53, 64, 67, 97
  };

  static Stream<long[]> shapes() {
    SplittableRandom random = new SplittableRandom(7);
    Stream.Builder<long[]> shapes = Stream.builder();
    for (int flags = 0; flags < 8; flags++) {
      for (int i = 0; i < 14; i++) {
        shapes.add(
            new long[] {
              SIZES[random.nextInt(SIZES.length)],
              SIZES[random.nextInt(SIZES.length)],
              SIZES[random.nextInt(SIZES.length)],
              flags,
              random.nextInt(3) == 0 ? random.nextInt(9) : 0,
              random.nextInt(2)
            });
      }
      shapes.add(new long[] {4, 40, 0, flags, 0, 1});
      shapes.add(new long[] {20, 20, 0, flags, 0, 0});
      shapes.add(new long[] {0, 20, 3, flags, 0, 0});
      shapes.add(new long[] {20, 0, 3, flags, 0, 0});
      // More than one block in depth, columns and rows.
      shapes.add(new long[] {50, 70, 2 * MatmulKernel.DEPTH + 5, flags, 3, 1});
      shapes.add(new long[] {3, 1100, 70, flags, 3, 1});
      shapes.add(new long[] {8, 601, 43, flags, 0, 1});
      shapes.add(new long[] {700, 33, MatmulKernel.DEPTH, flags, 0, 1});
      shapes.add(new long[] {33, 1600, 200, flags, 0, 0});
    }
    return shapes.build();
  }

  /** Small integers, so that every sum is exact in any order. */
  @ParameterizedTest
  @MethodSource("shapes")
  void givesTheExactProduct(long[] shape) {
    int m = (int) shape[0];
    int n = (int) shape[1];
    int k = (int) shape[2];
    boolean ta = (shape[3] & 1) != 0;
    boolean tb = (shape[3] & 2) != 0;
    boolean add = (shape[3] & 4) != 0;
    int aStride = (int) ((ta ? m : k) + shape[4]);
    int bStride = (int) ((tb ? k : n) + shape[4]);
    int outStride = (int) (n + shape[4]);
    try (KernelRig rig = new KernelRig(m * 31L + n)) {
      float[] a = integers(rig, rows(ta ? k : m, ta ? m : k, aStride));
      float[] b = integers(rig, rows(tb ? n : k, tb ? k : n, bStride));
      float[] bias = integers(rig, n);
      float[] before = integers(rig, rows(m, n, outStride));
      long out = rig.floats(before);
      long record =
          rig.record(
              Kernel.MATMUL_F32,
              new long[] {out, rig.floats(a), rig.floats(b), shape[5] != 0 ? rig.floats(bias) : 0},
              new long[] {m, n, k, aStride, bStride, outStride, shape[3]});
      rig.run(record);
      float[] expected = before.clone();
      for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
          double sum = (add ? before[i * outStride + j] : 0) + (shape[5] != 0 ? bias[j] : 0);
          for (int p = 0; p < k; p++) {
            sum +=
                (double) a[ta ? p * aStride + i : i * aStride + p]
                    * b[tb ? j * bStride + p : p * bStride + j];
          }
          expected[i * outStride + j] = (float) sum;
        }
      }
      assertThat(rig.read(out, expected.length)).isEqualTo(expected);
    }
  }

  @Test
  void keepsWithinTheRoundingOfItsSums() {
    int m = 30;
    int n = 41;
    int k = 1000;
    for (long flags : new long[] {0, 2}) {
      for (int rows : new int[] {m, 2}) {
        try (KernelRig rig = new KernelRig(3)) {
          float[] a = rig.normal(rows * k);
          float[] b = rig.normal(k * n);
          long out = rig.output(rows * n);
          rig.run(
              rig.record(
                  Kernel.MATMUL_F32,
                  new long[] {out, rig.floats(a), rig.floats(b), 0},
                  new long[] {rows, n, k, k, flags == 0 ? n : k, n, flags}));
          for (int i = 0; i < rows; i++) {
            for (int j = 0; j < n; j++) {
              double sum = 0;
              double magnitude = 0;
              for (int p = 0; p < k; p++) {
                double product = (double) a[i * k + p] * b[flags == 0 ? p * n + j : j * k + p];
                sum += product;
                magnitude += Math.abs(product);
              }
              double error = Math.abs(Memory.getFloat(out + 4L * (i * n + j)) - sum);
              assertThat(error).isLessThan(Math.sqrt(k) * 0x1p-24 * magnitude);
            }
          }
        }
      }
    }
  }

  @Test
  void endsWhenCancelled() {
    try (KernelRig rig = new KernelRig(1)) {
      long a = rig.floats(rig.normal(400));
      long record =
          rig.record(
              Kernel.MATMUL_F32,
              new long[] {rig.output(400), a, a, 0},
              new long[] {20, 20, 20, 20, 20, 20, 0});
      Memory.setInt(rig.step + Fields.STEP_CANCEL, 1);
      assertThat(KernelRig.run(record, 1)).isEqualTo(Status.CANCELLED);
    }
  }

  @Test
  void splitsTilesEvenly() {
    assertThat(MatmulKernel.rowParts(256, 3072, 2)).isEqualTo(1);
    assertThat(MatmulKernel.rowParts(50257, 256, 2)).isEqualTo(2);
    assertThat(MatmulKernel.rowParts(4096, 4096, 7)).isIn(1, 7);
  }

  private static int rows(int rows, int columns, int stride) {
    return rows == 0 || columns == 0 ? 0 : (rows - 1) * stride + columns;
  }

  private static float[] integers(KernelRig rig, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = rig.random.nextInt(-8, 9);
    }
    return values;
  }
}
