package org.quern.exec.vector;

import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LT;
import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;

/**
 * The functions of {@code quern_activation} and their derivatives, over blocks: from an operand
 * into a worker's scratch, in several short passes that stay in the first-level cache.
 */
final class Activations {
  /** Bytes of a block. */
  static final long BLOCK_BYTES = 4096;

  private static final int RELU = 0;
  private static final int GELU_TANH = 1;
  private static final int GELU_ERF = 2;
  private static final int SILU = 3;

  /** 2 sqrt(2 / pi) */
  private static final float TANH_FACTOR = 1.5957691216f;

  private static final float TANH_CUBE = 0.044715f;

  /** Beyond here the slope of {@link #GELU_TANH} is 0 or 1 to the bit. */
  private static final float TANH_END = 12f;

  private Activations() {}

  static boolean known(long kind) {
    return kind >= RELU && kind <= SILU;
  }

  /**
   * {@code to = act(x)}.
   *
   * @param bytes at most {@link #BLOCK_BYTES}; {@code to} is written in whole vectors
   * @param copy a block of scratch
   */
  static void value(int kind, long to, long x, long bytes, long copy) {
    long whole = copyWhole(copy, x, bytes);
    switch (kind) {
      case RELU -> relu(to, copy, whole);
      case GELU_TANH -> {
        tanhExponent(to, copy, whole);
        Functions.exp(to, to, whole, 0);
        overOnePlus(to, copy, whole);
      }
      case GELU_ERF -> {
        Functions.normalDensity(to, copy, whole);
        Functions.normal(to, copy, whole, 0);
        multiply(to, copy, whole);
      }
      default -> {
        negate(to, copy, whole);
        Functions.exp(to, to, whole, 0);
        overOnePlus(to, copy, whole);
      }
    }
  }

  /** {@code to = act'(x)}, as {@link #value}. */
  static void slope(int kind, long to, long x, long bytes, long copy) {
    long whole = copyWhole(copy, x, bytes);
    switch (kind) {
      case RELU -> reluSlope(to, copy, whole);
      case GELU_TANH -> geluTanhSlope(to, copy, whole);
      case GELU_ERF -> {
        Functions.normalDensity(to, copy, whole);
        Functions.normal(to, copy, whole, 1);
      }
      default -> {
        negate(to, copy, whole);
        Functions.exp(to, to, whole, 0);
        siluSlope(to, copy, whole);
      }
    }
  }

  /** Copies x, with zeros up to whole vectors; returns the bytes that makes. */
  private static long copyWhole(long copy, long x, long bytes) {
    long whole = (bytes + BYTES - 1) / BYTES * BYTES;
    FloatVector.zero(FLOATS).intoMemorySegment(ALL, copy + whole - BYTES, ORDER);
    Memory.copy(copy, x, bytes);
    return whole;
  }

  private static void relu(long to, long x, long bytes) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER);
      // By comparison and not by max, so that NaN stays NaN without costing more.
      v.blend(0f, v.compare(LT, 0f)).intoMemorySegment(ALL, to + at, ORDER);
    }
  }

  private static void reluSlope(long to, long x, long bytes) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER);
      FloatVector.zero(FLOATS).blend(1f, v.compare(GT, 0f)).intoMemorySegment(ALL, to + at, ORDER);
    }
  }

  private static void negate(long to, long x, long bytes) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER)
          .neg()
          .intoMemorySegment(ALL, to + at, ORDER);
    }
  }

  /**
   * -2u, where 0.5 (1 + tanh u) = 1 / (1 + exp(-2u)): which keeps its precision where tanh nears
   * -1.
   */
  private static void tanhExponent(long to, long x, long bytes) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER);
      v.mul(v)
          .mul(TANH_CUBE)
          .add(1f)
          .mul(v)
          .mul(-TANH_FACTOR)
          .intoMemorySegment(ALL, to + at, ORDER);
    }
  }

  /** {@code to = x / (1 + to)}. */
  private static void overOnePlus(long to, long x, long bytes) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER)
          .div(FloatVector.fromMemorySegment(FLOATS, ALL, to + at, ORDER).add(1f))
          .intoMemorySegment(ALL, to + at, ORDER);
    }
  }

  private static void multiply(long to, long x, long bytes) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector.fromMemorySegment(FLOATS, ALL, to + at, ORDER)
          .mul(FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER))
          .intoMemorySegment(ALL, to + at, ORDER);
    }
  }

  /**
   * In: e = exp(-x). With s = 1 / (1 + e): s (1 + x (1 - s)), where 1 - s is e s, which keeps its
   * precision where s nears 1, unless e is large.
   */
  private static void siluSlope(long to, long x, long bytes) {
    FloatVector one = FloatVector.broadcast(FLOATS, 1f);
    FloatVector zero = FloatVector.zero(FLOATS);
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER);
      FloatVector e = FloatVector.fromMemorySegment(FLOATS, ALL, to + at, ORDER);
      FloatVector s = one.div(e.add(one));
      FloatVector rest = one.sub(s).blend(e.mul(s), v.compare(GT, zero));
      v.mul(rest).add(one).mul(s).intoMemorySegment(ALL, to + at, ORDER);
    }
  }

  /**
   * With e = exp(-2u) and s = 1 / (1 + e): s (1 + x (1 - s) 2u'), and 1 - s as above. Leaves x
   * bounded.
   */
  private static void geluTanhSlope(long to, long x, long bytes) {
    FloatVector one = FloatVector.broadcast(FLOATS, 1f);
    FloatVector zero = FloatVector.zero(FLOATS);
    FloatVector cube = FloatVector.broadcast(FLOATS, TANH_CUBE);
    FloatVector minus = FloatVector.broadcast(FLOATS, -TANH_FACTOR);
    FloatVector most = FloatVector.broadcast(FLOATS, TANH_END);
    FloatVector least = FloatVector.broadcast(FLOATS, -TANH_END);
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER);
      v = v.blend(most, v.compare(GT, most)).blend(least, v.compare(LT, least));
      v.intoMemorySegment(ALL, x + at, ORDER);
      v.mul(v).mul(cube).add(one).mul(v).mul(minus).intoMemorySegment(ALL, to + at, ORDER);
    }
    Functions.exp(to, to, bytes, 0);
    FloatVector triple = FloatVector.broadcast(FLOATS, 3 * TANH_CUBE);
    FloatVector factor = FloatVector.broadcast(FLOATS, TANH_FACTOR);
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER);
      FloatVector inner = v.mul(v).mul(triple).add(one).mul(v).mul(factor);
      FloatVector e = FloatVector.fromMemorySegment(FLOATS, ALL, to + at, ORDER);
      FloatVector s = one.div(e.add(one));
      FloatVector rest = one.sub(s).blend(e.mul(s), v.compare(GT, zero));
      inner.mul(rest).add(one).mul(s).intoMemorySegment(ALL, to + at, ORDER);
    }
  }
}
