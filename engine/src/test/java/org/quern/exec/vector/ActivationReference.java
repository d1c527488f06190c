package org.quern.exec.vector;

/** The activation functions of {@code quern.h} in double. */
final class ActivationReference {
  private ActivationReference() {}

  static double value(int kind, double x) {
    return switch (kind) {
      case 0 -> Math.max(x, 0);
      case 1 -> x * logistic(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x));
      case 2 -> x * normal(x);
      default -> x * logistic(x);
    };
  }

  static double slope(int kind, double x) {
    return switch (kind) {
      case 0 -> x > 0 ? 1 : 0;
      case 1 -> {
        if (Math.abs(x) > 1e6) {
          yield x > 0 ? 1 : 0;
        }
        double factor = 2 * Math.sqrt(2 / Math.PI);
        double s = logistic(factor * (x + 0.044715 * x * x * x));
        yield s + x * s * (1 - s) * factor * (1 + 3 * 0.044715 * x * x);
      }
      case 2 -> normal(x) + (Math.abs(x) > 40 ? 0 : x * density(x));
      default -> {
        double s = logistic(x);
        yield s * (1 + x * (1 - s));
      }
    };
  }

  private static double logistic(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  private static double density(double x) {
    return Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  }

  /**
   * The normal distribution's cumulative function: near zero by its series, further out by the
   * continued fraction of Mills' ratio.
   */
  static double normal(double x) {
    double y = Math.abs(x);
    if (y > 38) {
      return x > 0 ? 1 : 0;
    }
    if (y < 3) {
      double term = x;
      double sum = x;
      for (int i = 3; Math.abs(term) > 1e-18 * Math.abs(sum) && i < 200; i += 2) {
        term *= x * x / i;
        sum += term;
      }
      return 0.5 + sum * density(x);
    }
    double fraction = y;
    for (int i = 200; i >= 1; i--) {
      fraction = y + i / fraction;
    }
    double tail = density(y) / fraction;
    return x > 0 ? 1 - tail : tail;
  }
}
