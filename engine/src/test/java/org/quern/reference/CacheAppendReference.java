package org.quern.reference;

import org.quern.ir.op.CacheAppend;

/** {@code cache[b, g, starts[b] + t, d] = x[b, t, column + g D + d]}, rounded for BF16. */
final class CacheAppendReference {
  private CacheAppendReference() {}

  static void forward(CacheAppend op, boolean rounds, Operands o) {
    Tensor cache = o.in(0);
    Tensor x = o.in(1);
    Tensor starts = o.in(2);
    int groups = cache.shape().dimension(1);
    int capacity = cache.shape().dimension(2);
    int size = cache.last();
    int time = x.shape().dimension(1);
    for (int n = 0; n < x.rows(); n++) {
      for (int c = 0; c < groups * size; c++) {
        int head = n / time * groups + c / size;
        int row = head * capacity + starts.integer(n / time) + n % time;
        double value = x.get(n * x.last() + op.column() + c);
        cache.set(row * size + c % size, rounds ? RoundReference.rounded(value) : value, 0);
      }
    }
  }
}
