package org.quern.reference;

import org.quern.ir.op.MatmulInt8;

/** {@code out = x weight^T + bias} of integers with scales, x rounded to such by row and group. */
final class MatmulInt8Reference {
  private MatmulInt8Reference() {}

  static void forward(MatmulInt8 op, Operands o) {
    Tensor x = o.in(0);
    Tensor weight = o.in(1);
    Tensor scales = o.in(2);
    Tensor bias = o.in(3);
    Tensor out = o.out(0);
    int inner = x.last();
    int columns = out.last();
    int groups = (inner + op.group() - 1) / op.group();
    for (int m = 0; m < out.rows(); m++) {
      int[] integers = new int[inner];
      float[] steps = new float[groups];
      for (int g = 0; g < groups; g++) {
        int first = g * op.group();
        steps[g] = round(x, m * inner, first, Math.min(inner, first + op.group()), integers);
      }
      for (int n = 0; n < columns; n++) {
        double sum = bias.isNone() ? 0 : bias.get(n);
        double magnitude = Math.abs(sum);
        for (int k = 0; k < inner; k++) {
          int g = k / op.group();
          double scale = (double) steps[g] * scales.get(n * groups + g);
          double term = scale * integers[k] * weight.get(n * inner + k);
          sum += term;
          magnitude += Math.abs(term);
        }
        // Both scales, their product, and one sum for each group or 512 steps of it.
        out.set(m * columns + n, sum, (groups + inner / 512 + 8) * magnitude);
      }
    }
  }

  /** Rounds a group of a row, and gives what its integers are multiples of. */
  private static float round(Tensor x, int row, int first, int last, int[] integers) {
    float largest = 0;
    for (int k = first; k < last; k++) {
      largest = Math.max(largest, Math.abs((float) x.get(row + k)));
    }
    if (!(largest <= Float.MAX_VALUE)) {
      return Float.NaN;
    }
    if (largest < 0x1p-100f) {
      return 0;
    }
    float inverse = 127 / largest;
    for (int k = first; k < last; k++) {
      integers[k] = (int) Math.rint((float) x.get(row + k) * inverse);
    }
    return largest / 127;
  }
}
