package org.quern.reference;

import java.util.List;
import org.quern.ir.op.Attention;

/** Vaswani et al. 2017, equation 1, head by head, with the whole row of weights in memory. */
final class AttentionReference {
  /**
   * One of q, k, v, or of their gradients: perhaps a part of a packed tensor's rows, or a cache by
   * head.
   */
  private record Part(Tensor tensor, int column) {
    int index(int b, int row, int head, int headSize) {
      if (byHead()) {
        return ((b * tensor.shape().dimension(1) + head) * time() + row) * headSize;
      }
      return (b * time() + row) * tensor.last() + column + head * headSize;
    }

    private boolean byHead() {
      return tensor.shape().rank() == 4;
    }

    int time() {
      return tensor.shape().dimension(byHead() ? 2 : 1);
    }
  }

  private final Attention op;
  private final ReferenceStep step;
  private final int size;
  private final int batch;
  private final int time;
  private final int keys;
  private final Part q;
  private final Part k;
  private final Part v;
  private final Tensor starts;

  /** The exponents of one row and what a backend may be off in each, in roundings. */
  private final double[] score;

  private final double[] scoreBound;

  private AttentionReference(Attention op, Operands o, int first, Tensor starts) {
    this.op = op;
    this.step = o.step();
    this.starts = starts;
    Tensor query = o.in(first);
    size = op.headSize();
    batch = query.shape().dimension(0);
    time = query.shape().dimension(1);
    q = part(op, o.inputs(), first, 0);
    k = part(op, o.inputs(), first, 1);
    v = part(op, o.inputs(), first, 2);
    keys = k.time();
    score = new double[keys];
    scoreBound = new double[keys];
  }

  static void forward(Attention op, Operands o) {
    AttentionReference reference =
        new AttentionReference(op, o, 0, o.inputs().get(o.inputs().size() - 1));
    for (int b = 0; b < reference.batch; b++) {
      for (int h = 0; h < op.heads(); h++) {
        for (int t = 0; t < reference.time; t++) {
          reference.forwardRow(b, h, t, o.out(0), o.out(1));
        }
      }
    }
  }

  static void backward(Attention op, Operands o) {
    AttentionReference reference = new AttentionReference(op, o, 3, Tensor.NONE);
    for (Tensor gradient : o.outputs()) {
      for (int i = 0; i < gradient.size(); i++) {
        gradient.set(i, 0, 0);
      }
    }
    for (int b = 0; b < reference.batch; b++) {
      for (int h = 0; h < op.heads(); h++) {
        for (int t = 0; t < reference.time; t++) {
          reference.backwardRow(b, h, t, o);
        }
      }
    }
  }

  private static Part part(Attention op, List<Tensor> tensors, int first, int operand) {
    if (!op.packed()) {
      return new Part(tensors.get(first + operand), 0);
    }
    int[] columns = {0, op.heads(), op.heads() + op.groups()};
    return new Part(tensors.get(first), columns[operand] * op.headSize());
  }

  /** Whether row t of sequence b sees key s. */
  private boolean sees(int b, int t, int s) {
    int position = (starts.isNone() ? 0 : starts.integer(b)) + t;
    return !op.causal() || (s <= position && (op.window() == 0 || s > position - op.window()));
  }

  /** What dropout multiplies the weight by: zero or {@code 1 / (1 - probability)}. */
  private double kept(int b, int h, int t, int s) {
    if (op.dropout() == 0) {
      return 1;
    }
    long index = (((long) b * op.heads() + h) * time + t) * keys + s;
    return step.random(op.stream(), index) >= op.dropout() ? 1 / (1 - (double) op.dropout()) : 0;
  }

  private int group(int h) {
    return h / (op.heads() / op.groups());
  }

  /** Fills the scores of a row and returns the number of keys it sees. */
  private int score(int b, int h, int t) {
    int seen = 0;
    for (int s = 0; s < keys; s++) {
      if (!sees(b, t, s)) {
        continue;
      }
      seen++;
      double dot = 0;
      double magnitude = 0;
      for (int d = 0; d < size; d++) {
        double term =
            q.tensor.get(q.index(b, t, h, size) + d)
                * k.tensor.get(k.index(b, s, group(h), size) + d);
        dot += term;
        magnitude += Math.abs(term);
      }
      score[s] = op.scale() * dot;
      scoreBound[s] = (size + 4) * Math.abs(op.scale()) * magnitude;
    }
    return seen;
  }

  private void forwardRow(int b, int h, int t, Tensor out, Tensor lse) {
    int seen = score(b, h, t);
    double max = Double.NEGATIVE_INFINITY;
    double worst = 0;
    for (int s = 0; s < keys; s++) {
      if (sees(b, t, s)) {
        max = Math.max(max, score[s]);
        worst = Math.max(worst, scoreBound[s]);
      }
    }
    double sum = 0;
    for (int s = 0; s < keys; s++) {
      sum += sees(b, t, s) ? Math.exp(score[s] - max) : 0;
    }
    int row = (b * op.heads() + h) * time + t;
    double total = seen == 0 ? Double.NEGATIVE_INFINITY : max + Math.log(sum);
    lse.set(row, total, worst + seen + 12 + 2 * (Math.abs(total) + Math.abs(max)));
    for (int d = 0; d < size; d++) {
      double value = 0;
      double bound = 0;
      for (int s = 0; s < keys; s++) {
        if (sees(b, t, s)) {
          double weight = Math.exp(score[s] - total) * kept(b, h, t, s);
          double term = weight * v.tensor.get(v.index(b, s, group(h), size) + d);
          double roundings = scoreBound[s] + worst + Math.abs(score[s] - total) + seen + 12;
          value += term;
          bound += Math.abs(term) * roundings;
        }
      }
      out.set((b * time + t) * out.last() + h * size + d, value, bound);
    }
  }

  /**
   * With P = exp(s - lse), forward out = sum of P v: dv = P dout; dP = dout v; dS = P (dP - dout
   * out); dq = scale dS k; dk = scale dS q.
   */
  private void backwardRow(int b, int h, int t, Operands o) {
    Tensor dout = o.in(0);
    Tensor out = o.in(1);
    int row = (b * op.heads() + h) * time + t;
    int first = (b * time + t) * out.last() + h * size;
    Part dq = part(op, o.outputs(), 0, 0);
    Part dk = part(op, o.outputs(), 0, 1);
    Part dv = part(op, o.outputs(), 0, 2);
    int seen = score(b, h, t);
    double delta = 0;
    double deltaBound = 0;
    for (int d = 0; d < size; d++) {
      delta += dout.get(first + d) * out.get(first + d);
      deltaBound +=
          Math.abs(dout.get(first + d))
              * ((size + 2) * Math.abs(out.get(first + d)) + out.bound(first + d));
    }
    for (int s = 0; s < keys; s++) {
      if (!sees(b, t, s)) {
        continue;
      }
      double exponent = score[s] - o.in(2).get(row);
      double weight = Math.exp(exponent);
      double weightBound = scoreBound[s] + Math.abs(exponent) + o.in(2).bound(row) + 8;
      double kept = kept(b, h, t, s);
      double dweight = 0;
      double dweightBound = 0;
      int value = v.index(b, s, group(h), size);
      for (int d = 0; d < size; d++) {
        double term = kept * dout.get(first + d) * v.tensor.get(value + d);
        dweight += term;
        dweightBound += (size + 4) * Math.abs(term);
        double share = weight * kept * dout.get(first + d);
        add(dv, b, s, group(h), d, share, Math.abs(share) * (weightBound + terms()));
      }
      double dscore = weight * (dweight - delta);
      double dscoreBound =
          weight
              * (weightBound * Math.abs(dweight - delta)
                  + dweightBound
                  + deltaBound
                  + Math.abs(dweight)
                  + Math.abs(delta));
      for (int d = 0; d < size; d++) {
        double key = op.scale() * k.tensor.get(k.index(b, s, group(h), size) + d);
        double query = op.scale() * q.tensor.get(q.index(b, t, h, size) + d);
        add(
            dq,
            b,
            t,
            h,
            d,
            dscore * key,
            Math.abs(key) * (dscoreBound + (seen + 4) * Math.abs(dscore)));
        add(
            dk,
            b,
            s,
            group(h),
            d,
            dscore * query,
            Math.abs(query) * (dscoreBound + terms() * Math.abs(dscore)));
      }
    }
  }

  /** Rows that may add to one key: the sum's length, with room for its own roundings. */
  private int terms() {
    return time * (op.heads() / op.groups()) + 4;
  }

  private void add(Part part, int b, int row, int head, int d, double term, double bound) {
    int index = part.index(b, row, head, size) + d;
    part.tensor.set(index, part.tensor.get(index) + term, part.tensor.bound(index) + bound);
  }
}
