package org.quern.reference;

import org.quern.ir.op.Rope;

/** Rotates the pairs {@code (d, d + R/2)} of each head by the angle of its position. */
final class RopeReference {
  private RopeReference() {}

  static void forward(Rope op, Operands o) {
    Tensor x = o.in(0);
    Tensor table = o.in(1);
    Tensor starts = o.in(2);
    Tensor y = o.out(0);
    int time = x.shape().dimension(1);
    int headSize = x.last() / op.heads();
    int half = table.last() / 2;
    for (int n = 0; n < x.rows(); n++) {
      int position = (starts.isNone() ? 0 : starts.integer(n / time)) + n % time;
      for (int h = 0; h < op.heads(); h++) {
        int head = n * x.last() + h * headSize;
        for (int d = 0; d < half; d++) {
          double cosine = table.get(position * table.last() + d);
          double sine = (op.inverse() ? -1 : 1) * table.get(position * table.last() + half + d);
          double first = x.get(head + d);
          double second = x.get(head + d + half);
          double bound = 3 * (Math.abs(first) + Math.abs(second));
          y.set(head + d, first * cosine - second * sine, bound);
          y.set(head + d + half, second * cosine + first * sine, bound);
        }
        for (int d = 2 * half; d < headSize; d++) {
          y.set(head + d, x.get(head + d), 0);
        }
      }
    }
  }
}
