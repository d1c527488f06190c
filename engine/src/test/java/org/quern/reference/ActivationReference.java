package org.quern.reference;

import org.quern.ir.op.ActivationFunction;

/** {@code y = act(x)}, and the functions themselves. */
final class ActivationReference {
  private static final double ROOT_2_OVER_PI = Math.sqrt(2 / Math.PI);
  private static final double CUBIC = 0.044715;

  private ActivationReference() {}

  static void forward(ActivationFunction function, Operands o) {
    for (int i = 0; i < o.out(0).size(); i++) {
      double x = o.in(0).get(i);
      o.out(0).set(i, value(function, x), valueBound(function, x));
    }
  }

  /** {@code dx = act'(x) dy}. */
  static void backward(ActivationFunction function, Operands o) {
    for (int i = 0; i < o.out(0).size(); i++) {
      double dy = o.in(0).get(i);
      double x = o.in(1).get(i);
      double dx = derivative(function, x) * dy;
      o.out(0).set(i, dx, derivativeBound(function, x) * Math.abs(dy) + Math.abs(dx));
    }
  }

  static double value(ActivationFunction function, double x) {
    return switch (function) {
      case RELU -> Math.max(x, 0);
      case GELU_TANH -> 0.5 * x * (1 + Math.tanh(ROOT_2_OVER_PI * (x + CUBIC * x * x * x)));
      case GELU_ERF -> 0.5 * x * (1 + erf(x / Math.sqrt(2)));
      case SILU -> x / (1 + Math.exp(-x));
    };
  }

  static double derivative(ActivationFunction function, double x) {
    return switch (function) {
      case RELU -> Double.isNaN(x) ? x : x > 0 ? 1 : 0;
      case GELU_TANH -> {
        double tanh = Math.tanh(ROOT_2_OVER_PI * (x + CUBIC * x * x * x));
        double inner = ROOT_2_OVER_PI * (1 + 3 * CUBIC * x * x);
        yield 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh * tanh) * inner;
      }
      case GELU_ERF ->
          0.5 * (1 + erf(x / Math.sqrt(2))) + x * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
      case SILU -> {
        double sigmoid = 1 / (1 + Math.exp(-x));
        yield sigmoid * (1 + x * (1 - sigmoid));
      }
    };
  }

  /** 1 + tanh and 1 + erf cancel for negative x, so their error is one of x, not of the result. */
  static double valueBound(ActivationFunction function, double x) {
    return switch (function) {
      case RELU -> 0;
      case GELU_TANH, GELU_ERF -> 8 * Math.abs(x);
      case SILU -> (8 + Math.abs(x)) * Math.abs(value(function, x));
    };
  }

  /** 1 - tanh^2 and 1 - sigmoid cancel where they are multiplied by x; beyond 10 they are zero. */
  static double derivativeBound(ActivationFunction function, double x) {
    double near = Math.min(Math.abs(x), 10);
    return switch (function) {
      case RELU -> 0;
      case GELU_TANH -> 8 + 4 * near * (1 + 3 * CUBIC * near * near);
      case GELU_ERF -> 10;
      case SILU -> 8 + 4 * Math.min(Math.abs(x), 20);
    };
  }

  /**
   * Abramowitz and Stegun 7.1.6, whose terms are all of one sign; 1 to a double's end from 6 on.
   */
  static double erf(double x) {
    if (Double.isNaN(x)) {
      return x;
    }
    if (Math.abs(x) >= 6) {
      return Math.signum(x);
    }
    double term = x;
    double sum = x;
    for (int n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= 2 * x * x / (2 * n + 1);
      sum += term;
    }
    return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
  }
}
