package org.quern.reference;

import org.quern.ir.op.CacheAppend;

/** {@code cache[b, starts[b] + t] = x[b, t, column ...]}. */
final class CacheAppendReference {
  private CacheAppendReference() {}

  static void forward(CacheAppend op, Operands o) {
    Tensor cache = o.in(0);
    Tensor x = o.in(1);
    Tensor starts = o.in(2);
    int capacity = cache.shape().dimension(1);
    int time = x.shape().dimension(1);
    for (int n = 0; n < x.rows(); n++) {
      int row = n / time * capacity + starts.integer(n / time) + n % time;
      for (int c = 0; c < cache.last(); c++) {
        cache.set(row * cache.last() + c, x.get(n * x.last() + op.column() + c), 0);
      }
    }
  }
}
