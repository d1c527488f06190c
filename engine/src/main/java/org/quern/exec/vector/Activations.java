package org.quern.exec.vector;

import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LT;
import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;

import jdk.incubator.vector.FloatVector;

/**
 * The functions of {@code quern_activation} and their derivatives, over blocks: from an operand
 * into a worker's scratch, which takes whole vectors.
 */
final class Activations {
  /** Elements of a block. */
  static final long BLOCK = 1024;

  /** Bytes of a block. */
  static final long BLOCK_BYTES = 4 * BLOCK;

  private static final int RELU = 0;
  private static final int GELU_TANH = 1;
  private static final int GELU_ERF = 2;
  private static final int SILU = 3;

  /** sqrt(2 / pi) */
  private static final float TANH_FACTOR = 0.7978845608f;

  private static final float TANH_CUBE = 0.044715f;

  /** 1 / sqrt(2 pi) */
  private static final float DENSITY_FACTOR = 0.3989422804f;

  private Activations() {}

  static boolean known(long kind) {
    return kind >= RELU && kind <= SILU;
  }

  /**
   * {@code to = act(x)}.
   *
   * @param bytes 4 times the elements; {@code to} is written in whole vectors
   * @param pad a vector's bytes of scratch
   */
  static void value(int kind, long to, long x, long bytes, long pad) {
    switch (kind) {
      case RELU -> relu(to, x, bytes, pad);
      case GELU_TANH -> geluTanh(to, x, bytes, pad);
      case GELU_ERF -> geluErf(to, x, bytes, pad);
      default -> silu(to, x, bytes, pad);
    }
  }

  /** {@code to = act'(x)}, as {@link #value}. */
  static void slope(int kind, long to, long x, long bytes, long pad) {
    switch (kind) {
      case RELU -> reluSlope(to, x, bytes, pad);
      case GELU_TANH -> geluTanhSlope(to, x, bytes, pad);
      case GELU_ERF -> geluErfSlope(to, x, bytes, pad);
      default -> siluSlope(to, x, bytes, pad);
    }
  }

  private static long whole(long x, long at, long bytes, long pad) {
    return at + BYTES <= bytes ? x + at : Memory.pad(pad, x + at, bytes - at, 0);
  }

  private static void relu(long to, long x, long bytes, long pad) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector v = Memory.load(whole(x, at, bytes, pad));
      // By comparison and not by max, so that NaN stays NaN without costing more.
      Memory.store(to + at, v.blend(0f, v.compare(LT, 0f)));
    }
  }

  private static void reluSlope(long to, long x, long bytes, long pad) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector v = Memory.load(whole(x, at, bytes, pad));
      Memory.store(to + at, FloatVector.zero(FLOATS).blend(1f, v.compare(GT, 0f)));
    }
  }

  private static void silu(long to, long x, long bytes, long pad) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector v = Memory.load(whole(x, at, bytes, pad));
      Memory.store(to + at, v.div(Functions.exp(v.neg()).add(1f)));
    }
  }

  private static void siluSlope(long to, long x, long bytes, long pad) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector v = Memory.load(whole(x, at, bytes, pad));
      FloatVector s = Functions.logistic(v);
      Memory.store(to + at, v.mul(s.neg().add(1f)).add(1f).mul(s));
    }
  }

  /** 0.5 (1 + tanh u) = 1 / (1 + exp(-2u)), which keeps its precision where tanh nears -1. */
  private static void geluTanh(long to, long x, long bytes, long pad) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector v = Memory.load(whole(x, at, bytes, pad));
      FloatVector u = v.mul(v).mul(TANH_CUBE).add(1f).mul(v).mul(-2 * TANH_FACTOR);
      Memory.store(to + at, v.div(Functions.exp(u).add(1f)));
    }
  }

  private static void geluTanhSlope(long to, long x, long bytes, long pad) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector v = Memory.load(whole(x, at, bytes, pad));
      // Beyond 12 the slope is 0 or 1 to the bit; further out the cube overflows.
      v = v.blend(12f, v.compare(GT, 12f)).blend(-12f, v.compare(LT, -12f));
      FloatVector square = v.mul(v).mul(TANH_CUBE);
      FloatVector s = Functions.logistic(square.add(1f).mul(v).mul(2 * TANH_FACTOR));
      FloatVector inner = square.mul(3f).add(1f).mul(v).mul(2 * TANH_FACTOR);
      Memory.store(to + at, inner.mul(s.neg().add(1f)).add(1f).mul(s));
    }
  }

  private static void geluErf(long to, long x, long bytes, long pad) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector v = Memory.load(whole(x, at, bytes, pad));
      FloatVector y = v.abs();
      y = y.blend(Functions.NORMAL_END, y.compare(GT, Functions.NORMAL_END));
      FloatVector tail = Functions.normalTail(y, Functions.normalDensity(y));
      Memory.store(to + at, tail.blend(tail.neg().add(1f), v.compare(GT, 0f)).mul(v));
    }
  }

  private static void geluErfSlope(long to, long x, long bytes, long pad) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector v = Memory.load(whole(x, at, bytes, pad));
      FloatVector y = v.abs();
      y = y.blend(Functions.NORMAL_END, y.compare(GT, Functions.NORMAL_END));
      FloatVector density = Functions.normalDensity(y);
      FloatVector tail = Functions.normalTail(y, density);
      FloatVector below = tail.blend(tail.neg().add(1f), v.compare(GT, 0f));
      // The clamped y with v's sign, since an infinity times a density of zero is NaN.
      FloatVector signed = y.blend(y.neg(), v.compare(LT, 0f));
      Memory.store(to + at, density.mul(DENSITY_FACTOR).fma(signed, below));
    }
  }
}
