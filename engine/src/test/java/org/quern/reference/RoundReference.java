package org.quern.reference;

/** The nearest number of 8 significant bits, ties to the even one, and what was so rounded. */
final class RoundReference {
  /** Of a float's exponents, the smallest of those of normal numbers. */
  private static final int LEAST_EXPONENT = -126;

  private static final int BITS = 8;

  /** Halfway between the largest number and the next that there would be. */
  private static final double OVERFLOW = 0x1.ffp127;

  private RoundReference() {}

  static void forward(Operands o) {
    for (Tensor y : o.outputs()) {
      for (int i = 0; i < y.size(); i++) {
        y.set(i, rounded(o.in(0).get(i)), 0);
      }
    }
  }

  static double rounded(double x) {
    if (Math.abs(x) >= OVERFLOW) {
      return Math.copySign(Double.POSITIVE_INFINITY, x);
    }
    int exponent = Math.max(Math.getExponent(x), LEAST_EXPONENT);
    double unit = Math.scalb(1.0, exponent - BITS + 1);
    return Math.rint(x / unit) * unit;
  }

  static void widen(Operands o) {
    Tensor y = o.out(0);
    for (int i = 0; i < y.size(); i++) {
      y.set(i, o.in(0).get(i), 0);
    }
  }
}
