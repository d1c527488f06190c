package org.quern.exec.vector;

import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LT;
import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Functions over blocks of whole vectors, of our own because the JDK's call a library that differs
 * from platform to platform.
 *
 * <p>Each loop is spelled out on the JDK's own methods, which are always inlined: a function of
 * ours from vector to vector would be left out of line once the loop around it has grown past what
 * the compiler inlines, and every vector that it takes or gives would then be an object.
 */
final class Functions {
  /** 1.5 * 2^23: adding it leaves the nearest integer in a float's low bits. */
  private static final float ROUNDER = 12582912f;

  private static final int ROUNDER_BITS = 0x4B400000;

  /** Beyond here the normal distribution's tail and density are zero in single precision. */
  private static final float NORMAL_END = 15f;

  private Functions() {}

  /**
   * {@code to = exp(from - shift)}, within 2 ulp: Cody and Waite's reduction to {@code |r| <= ln(2)
   * / 2}, and the polynomial of Cephes' {@code expf}. Right for infinities, NaN, overflow and
   * denormal results.
   *
   * @param bytes whole vectors
   */
  static void exp(long to, long from, long bytes, float shift) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(FLOATS, ALL, from + at, ORDER).sub(shift);
      FloatVector t =
          x.fma(FloatVector.broadcast(FLOATS, 1.44269504f), FloatVector.broadcast(FLOATS, ROUNDER));
      FloatVector whole = t.sub(ROUNDER);
      FloatVector r = whole.fma(FloatVector.broadcast(FLOATS, -0.693359375f), x);
      r = whole.fma(FloatVector.broadcast(FLOATS, 2.12194440e-4f), r);
      FloatVector p = FloatVector.broadcast(FLOATS, 1.9875691500e-4f);
      p = p.fma(r, FloatVector.broadcast(FLOATS, 1.3981999507e-3f));
      p = p.fma(r, FloatVector.broadcast(FLOATS, 8.3334519073e-3f));
      p = p.fma(r, FloatVector.broadcast(FLOATS, 4.1665795894e-2f));
      p = p.fma(r, FloatVector.broadcast(FLOATS, 1.6666665459e-1f));
      p = p.fma(r, FloatVector.broadcast(FLOATS, 0.5f));
      p = p.fma(r.mul(r), r.add(1f));
      // p 2^n in two steps, since 2^n alone may overflow or be denormal.
      IntVector n = t.reinterpretAsInts().sub(ROUNDER_BITS);
      IntVector half = n.lanewise(ASHR, 1);
      FloatVector first = half.add(127).lanewise(LSHL, 23).reinterpretAsFloats();
      FloatVector second = n.sub(half).add(127).lanewise(LSHL, 23).reinterpretAsFloats();
      p.mul(first)
          .mul(second)
          .blend(Float.POSITIVE_INFINITY, x.compare(GT, 88.7228394f))
          .blend(0f, x.compare(LT, -103.972084f))
          .intoMemorySegment(ALL, to + at, ORDER);
    }
  }

  /**
   * As {@link #exp(long, long, long, float)} for any number of floats; the rest of {@code to}'s
   * last vector is zero.
   */
  static void expPadded(long to, long from, long bytes, float shift) {
    long whole = bytes / BYTES * BYTES;
    exp(to, from, whole, shift);
    if (whole < bytes) {
      Memory.pad(to + whole, from + whole, bytes - whole, Float.NEGATIVE_INFINITY);
      exp(to + whole, to + whole, BYTES, shift);
    }
  }

  /** {@code to = exp(-x^2 / 2)}, but for the rounding of the square. */
  static void normalDensity(long to, long x, long bytes) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector y = FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER).abs();
      y = y.blend(NORMAL_END, y.compare(GT, NORMAL_END));
      y.mul(0.5f).mul(y).neg().intoMemorySegment(ALL, to + at, ORDER);
    }
    exp(to, to, bytes, 0);
  }

  /**
   * {@code to}: the normal distribution's cumulative function of x, plus {@code slope} times x
   * times its density.
   *
   * <p>With y = |x|, the function of -y over exp(-y^2 / 2), times (y + 2.75), is a polynomial in (y
   * - 2.75) / (y + 2.75), fitted at Chebyshev's nodes; 2.4e-8 off before rounding.
   *
   * @param to in: {@link #normalDensity} of x
   */
  static void normal(long to, long x, long bytes, float slope) {
    FloatVector one = FloatVector.broadcast(FLOATS, 1f);
    FloatVector zero = FloatVector.zero(FLOATS);
    FloatVector middle = FloatVector.broadcast(FLOATS, 2.75f);
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER);
      FloatVector y = v.abs();
      y = y.blend(NORMAL_END, y.compare(GT, NORMAL_END));
      FloatVector half = y.mul(0.5f);
      FloatVector error = half.fma(y, half.mul(y).neg());
      FloatVector rounded = FloatVector.fromMemorySegment(FLOATS, ALL, to + at, ORDER);
      FloatVector density = rounded.sub(rounded.mul(error));
      FloatVector t = one.div(y.add(middle));
      FloatVector s = y.sub(middle).mul(t);
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
      FloatVector tail = p.mul(t).mul(density);
      FloatVector below = tail.blend(one.sub(tail), v.compare(GT, zero));
      // The bounded y with v's sign, since an infinity times a density of zero is NaN.
      FloatVector signed = y.blend(y.neg(), v.compare(LT, zero));
      density.mul(slope * 0.3989422804f).fma(signed, below).intoMemorySegment(ALL, to + at, ORDER);
    }
  }
}
