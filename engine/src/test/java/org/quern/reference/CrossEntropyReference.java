package org.quern.reference;

import org.quern.ir.op.CrossEntropy;

/** {@code losses[n] = log(sum over v of exp(logits[n,v])) - logits[n, labels[n]]}. */
final class CrossEntropyReference {
  private CrossEntropyReference() {}

  static void forward(Operands o) {
    Tensor logits = o.in(0);
    int vocabulary = logits.last();
    for (int n = 0; n < logits.rows(); n++) {
      double max = Double.NEGATIVE_INFINITY;
      for (int v = 0; v < vocabulary; v++) {
        max = Math.max(max, logits.get(n * vocabulary + v));
      }
      double sum = 0;
      for (int v = 0; v < vocabulary; v++) {
        sum += Math.exp(logits.get(n * vocabulary + v) - max);
      }
      double lse = max + Math.log(sum);
      // The sum's roundings shift its logarithm by as much; then two roundings of the result.
      double bound = 2 * vocabulary + 8 + 2 * (Math.abs(max) + Math.abs(lse));
      o.out(1).set(n, lse, bound);
      int label = o.in(1).integer(n);
      if (label == CrossEntropy.IGNORED) {
        o.out(0).set(n, 0, 0);
      } else {
        double loss = lse - logits.get(n * vocabulary + label);
        o.out(0).set(n, loss, bound + Math.abs(loss));
      }
    }
  }

  /** Losses, and {@code dlogits = (softmax(logits) - onehot(label)) * loss scale}. */
  static void withGradient(Operands o) {
    Tensor logits = o.in(0);
    int vocabulary = logits.last();
    float scale = o.step().lossScale;
    for (int n = 0; n < logits.rows(); n++) {
      int row = n * vocabulary;
      int label = o.in(1).integer(n);
      if (label == CrossEntropy.IGNORED) {
        o.out(0).set(n, 0, 0);
        for (int v = 0; v < vocabulary; v++) {
          o.out(1).set(row + v, 0, 0);
        }
        continue;
      }
      double max = Double.NEGATIVE_INFINITY;
      for (int v = 0; v < vocabulary; v++) {
        max = Math.max(max, logits.get(row + v));
      }
      double sum = 0;
      for (int v = 0; v < vocabulary; v++) {
        sum += Math.exp(logits.get(row + v) - max);
      }
      double loss = max - logits.get(row + label) + Math.log(sum);
      o.out(0).set(n, loss, 2 * vocabulary + 8 + 4 * Math.abs(max) + 3 * Math.abs(loss));
      for (int v = 0; v < vocabulary; v++) {
        double exponent = logits.get(row + v) - max;
        double probability = Math.exp(exponent) / sum;
        double gradient = probability - (v == label ? 1 : 0);
        // Of the exponential, of the sum that divides it, and of the difference.
        double bound =
            probability * (2 * vocabulary + 16 + Math.abs(exponent)) + 3 * Math.abs(gradient);
        if (exponent == Double.NEGATIVE_INFINITY) {
          bound = 3 * Math.abs(gradient);
        }
        o.out(1).set(row + v, gradient * scale, bound * scale);
      }
    }
  }

  /**
   * The highest logit so far, the sum relative to it and the label's logit; and the loss so far.
   */
  static void chunk(Operands o, CrossEntropy.Chunk op) {
    Tensor logits = o.in(0);
    int width = logits.last();
    for (int n = 0; n < logits.rows(); n++) {
      double before = op.first() == 0 ? Double.NEGATIVE_INFINITY : o.in(2).get(3 * n);
      double max = before;
      for (int v = 0; v < width; v++) {
        // What is not a number is no maximum, and shows in the sum.
        double logit = logits.get(n * width + v);
        max = logit > max ? logit : max;
      }
      double sum = op.first() == 0 ? 0 : o.in(2).get(3 * n + 1);
      sum = max > before ? sum * Math.exp(before - max) : sum;
      for (int v = 0; v < width; v++) {
        double logit = logits.get(n * width + v);
        sum += logit == Double.NEGATIVE_INFINITY ? 0 : Math.exp(logit - max);
      }
      int label = o.in(1).integer(n);
      boolean here = label >= op.first() && label < op.first() + width;
      double own = op.first() == 0 ? 0 : o.in(2).get(3 * n + 2);
      own = here ? logits.get(n * width + label - op.first()) : own;
      // Each exponential's, by what its exponent is rounded to, and the additions'.
      double bound = 2 * width + 16 + magnitude(max) + magnitude(before);
      o.out(0).set(3 * n, max, 0);
      o.out(0).set(3 * n + 1, sum, Math.abs(sum) * bound);
      o.out(0).set(3 * n + 2, own, 0);
      if (label == CrossEntropy.IGNORED) {
        o.out(1).set(n, 0, 0);
      } else {
        double loss = max - own + Math.log(sum);
        o.out(1).set(n, loss, bound + 3 * Math.abs(loss) + 2 * magnitude(max));
      }
    }
  }

  private static double magnitude(double logit) {
    return Double.isInfinite(logit) ? 0 : Math.abs(logit);
  }

  /** {@code out = step.loss = loss scale * sum of losses}. */
  static void sum(Operands o) {
    double sum = 0;
    double magnitude = 0;
    for (int n = 0; n < o.in(0).size(); n++) {
      sum += o.in(0).get(n);
      magnitude += Math.abs(o.in(0).get(n));
    }
    o.step().loss = sum * o.step().lossScale;
    o.step().nonfinite |= !Double.isFinite((float) o.step().loss);
    o.out(0).set(0, o.step().loss, 2 * magnitude * o.step().lossScale);
  }

  /** {@code dlogits = (softmax(logits) - onehot(label)) * loss scale}, zero for ignored labels. */
  static void backward(Operands o) {
    Tensor logits = o.in(0);
    int vocabulary = logits.last();
    for (int n = 0; n < logits.rows(); n++) {
      int label = o.in(1).integer(n);
      for (int v = 0; v < vocabulary; v++) {
        int i = n * vocabulary + v;
        if (label == CrossEntropy.IGNORED) {
          o.out(0).set(i, 0, 0);
        } else {
          double exponent = logits.get(i) - o.in(2).get(n);
          double probability = Math.exp(exponent);
          double gradient = probability - (v == label ? 1 : 0);
          double bound = probability * (8 + Math.abs(exponent)) + 3 * Math.abs(gradient);
          o.out(0).set(i, gradient * o.step().lossScale, bound * o.step().lossScale);
        }
      }
    }
  }
}
