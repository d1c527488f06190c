package org.quern.reference;

/** {@code out[b,t] = table[ids[b,t]] + positions[starts[b] + t]}. */
final class EmbeddingReference {
  private EmbeddingReference() {}

  static void forward(Operands o) {
    Tensor ids = o.in(0);
    Tensor table = o.in(1);
    Tensor positions = o.in(2);
    Tensor starts = o.in(3);
    Tensor out = o.out(0);
    int time = ids.last();
    int channels = table.last();
    for (int n = 0; n < ids.size(); n++) {
      int start = starts.isNone() ? 0 : starts.integer(n / time);
      for (int c = 0; c < channels; c++) {
        double token = table.get(ids.integer(n) * channels + c);
        if (positions.isNone()) {
          out.set(n * channels + c, token, 0);
        } else {
          double sum = token + positions.get((start + n % time) * channels + c);
          out.set(n * channels + c, sum, Math.abs(sum));
        }
      }
    }
  }

  /** {@code dtable[ids[b,t]] += dout[b,t]; dpositions[t] += dout[b,t]}. */
  static void backward(Operands o) {
    Tensor ids = o.in(0);
    Tensor dout = o.in(1);
    int channels = dout.last();
    for (int n = 0; n < ids.size(); n++) {
      for (int c = 0; c < channels; c++) {
        add(o.in(2), ids.integer(n) * channels + c, dout.get(n * channels + c), ids.size());
        add(o.in(3), n % ids.last() * channels + c, dout.get(n * channels + c), ids.size());
      }
    }
  }

  private static void add(Tensor table, int index, double term, int terms) {
    if (!table.isNone()) {
      double bound = table.bound(index);
      double before = bound == 0 ? (terms + 2) * Math.abs(table.get(index)) : bound;
      table.set(index, table.get(index) + term, before + (terms + 2) * Math.abs(term));
    }
  }
}
