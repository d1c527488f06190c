package org.quern.exec.vector;

import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LT;
import static org.quern.exec.vector.Lanes.FLOATS;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Functions of vectors, of our own because the JDK's call a library that differs from platform to
 * platform. Each stays small enough (325 bytecodes) to be inlined into the loops that call it.
 */
final class Functions {
  /** 1.5 * 2^23: adding it leaves the nearest integer in a float's low bits. */
  private static final float ROUNDER = 12582912f;

  private Functions() {}

  /**
   * e to the x, within 2 ulp: Cody and Waite's reduction to |r| <= ln(2) / 2, and the polynomial of
   * Cephes' {@code expf}. Right for infinities, NaN, overflow and denormal results.
   */
  static FloatVector exp(FloatVector x) {
    FloatVector t =
        x.fma(FloatVector.broadcast(FLOATS, 1.44269504f), FloatVector.broadcast(FLOATS, ROUNDER));
    FloatVector n = t.sub(ROUNDER);
    FloatVector r = n.fma(FloatVector.broadcast(FLOATS, -0.693359375f), x);
    r = n.fma(FloatVector.broadcast(FLOATS, 2.12194440e-4f), r);
    FloatVector p = FloatVector.broadcast(FLOATS, 1.9875691500e-4f);
    p = p.fma(r, FloatVector.broadcast(FLOATS, 1.3981999507e-3f));
    p = p.fma(r, FloatVector.broadcast(FLOATS, 8.3334519073e-3f));
    p = p.fma(r, FloatVector.broadcast(FLOATS, 4.1665795894e-2f));
    p = p.fma(r, FloatVector.broadcast(FLOATS, 1.6666665459e-1f));
    p = p.fma(r, FloatVector.broadcast(FLOATS, 0.5f));
    p = p.fma(r.mul(r), r.add(1f));
    return scale(p, t)
        .blend(Float.POSITIVE_INFINITY, x.compare(GT, 88.7228394f))
        .blend(0f, x.compare(LT, -103.972084f));
  }

  /** {@code p * 2^n} in two steps, since 2^n alone may overflow or be denormal. */
  private static FloatVector scale(FloatVector p, FloatVector roundedPower) {
    IntVector n = roundedPower.viewAsIntegralLanes().reinterpretAsInts().sub(0x4B400000);
    IntVector half = n.lanewise(ASHR, 1);
    FloatVector first = half.add(127).lanewise(LSHL, 23).reinterpretAsFloats();
    FloatVector second = n.sub(half).add(127).lanewise(LSHL, 23).reinterpretAsFloats();
    return p.mul(first).mul(second);
  }

  /** 1 / (1 + exp(-x)). */
  static FloatVector logistic(FloatVector x) {
    return FloatVector.broadcast(FLOATS, 1f).div(exp(x.neg()).add(1f));
  }

  /**
   * The normal distribution's cumulative function of -y, for 0 <= y <= {@link #NORMAL_END}, given
   * its {@link #normalDensity}: their quotient times (y + 2.75) is a polynomial in (y - 2.75) / (y
   * + 2.75), fitted at Chebyshev's nodes; 2.4e-8 off before rounding.
   */
  static FloatVector normalTail(FloatVector y, FloatVector density) {
    FloatVector t = FloatVector.broadcast(FLOATS, 1f).div(y.add(2.75f));
    FloatVector s = y.sub(2.75f).mul(t);
    FloatVector p = FloatVector.broadcast(FLOATS, 6.566830415977165e-05f);
    p = p.fma(s, FloatVector.broadcast(FLOATS, 1.2078766303602606e-05f));
    p = p.fma(s, FloatVector.broadcast(FLOATS, -0.00048117441474460065f));
    p = p.fma(s, FloatVector.broadcast(FLOATS, -0.0003476011042948812f));
    p = p.fma(s, FloatVector.broadcast(FLOATS, 0.0025124927051365376f));
    p = p.fma(s, FloatVector.broadcast(FLOATS, 0.0032298588193953037f));
    p = p.fma(s, FloatVector.broadcast(FLOATS, -0.016446294263005257f));
    p = p.fma(s, FloatVector.broadcast(FLOATS, -0.016569238156080246f));
    p = p.fma(s, FloatVector.broadcast(FLOATS, 0.18233442306518555f));
    p = p.fma(s, FloatVector.broadcast(FLOATS, -0.47435396909713745f));
    p = p.fma(s, FloatVector.broadcast(FLOATS, 0.7189860343933105f));
    return p.mul(t).mul(density);
  }

  /** Beyond here the normal distribution's tail and density are zero in single precision. */
  static final float NORMAL_END = 15f;

  /** exp(-y^2 / 2), with the rounding error of y^2 made good. */
  static FloatVector normalDensity(FloatVector y) {
    FloatVector half = y.mul(0.5f);
    FloatVector square = half.mul(y);
    FloatVector error = half.fma(y, square.neg());
    FloatVector density = exp(square.neg());
    return density.sub(density.mul(error));
  }
}
