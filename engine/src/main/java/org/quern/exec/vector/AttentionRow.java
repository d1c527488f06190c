package org.quern.exec.vector;

import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.NE;
import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * One query row of attention against a block of keys: the running softmax of FlashAttention-2 (Dao
 * 2023, algorithm 1). The row's state is its largest score so far, and a vector of partial sums of
 * exp(score - largest), one after the other in scratch.
 */
final class AttentionRow {
  /** Bytes of a row's state. */
  static final long STATE_BYTES = 128;

  private static final long SUMS_AT = 64;

  private AttentionRow() {}

  static void begin(long state) {
    Memory.setFloat(state, Float.NEGATIVE_INFINITY);
    FloatVector.zero(FLOATS).intoMemorySegment(ALL, state + SUMS_AT, ORDER);
  }

  /** The first key that a row at this position sees. */
  static long firstKey(long position, boolean causal, long window) {
    return causal && window > 0 ? Math.max(0, position - window + 1) : 0;
  }

  /** One past the last key that a row at this position sees. */
  static long lastKey(long position, boolean causal, long keys) {
    return causal ? Math.min(keys, position + 1) : keys;
  }

  /**
   * Turns a row of products into weights exp(scale * product - largest), zero outside {@code [low,
   * high)}, and rescales what the row has summed up before.
   *
   * @param scores the row, with room for whole vectors
   * @param width columns that the caller reads afterwards
   * @param sums the row's weighted sum of values so far, of {@code sumsBytes}: whole vectors
   */
  static void weigh(
      long scores,
      long width,
      long low,
      long high,
      float scale,
      long state,
      long sums,
      long sumsBytes) {
    long bytes = (4 * width + BYTES - 1) / BYTES * BYTES;
    if (high <= low) {
      Memory.fill(scores, bytes, 0);
      return;
    }
    scale(scores, bytes, low, high, scale);
    float before = Memory.getFloat(state);
    float largest = Math.max(before, largest(scores, bytes));
    if (largest == Float.NEGATIVE_INFINITY) {
      withoutLargest(scores, bytes, state + SUMS_AT);
      return;
    }
    float factor = 1;
    if (largest != before) {
      factor = (float) Math.exp((double) before - largest);
      Memory.setFloat(state, largest);
      multiply(sums, sumsBytes, factor);
    }
    exponentials(scores, bytes, largest, state + SUMS_AT, factor);
  }

  /** Minus infinity weighs nothing; NaN, which is no largest score either, must not be lost. */
  private static void withoutLargest(long scores, long bytes, long sums) {
    FloatVector sum = FloatVector.fromMemorySegment(FLOATS, ALL, sums, ORDER);
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, scores + at, ORDER);
      FloatVector weight = FloatVector.zero(FLOATS).blend(v, v.compare(NE, v));
      weight.intoMemorySegment(ALL, scores + at, ORDER);
      sum = sum.add(weight);
    }
    sum.intoMemorySegment(ALL, sums, ORDER);
  }

  /** Multiplies by the scale, and puts minus infinity outside {@code [low, high)}. */
  static void scale(long scores, long bytes, long low, long high, float scale) {
    multiply(scores, bytes, scale);
    for (long at = 0; at < 4 * low; at += 4) {
      Memory.setFloat(scores + at, Float.NEGATIVE_INFINITY);
    }
    for (long at = 4 * high; at < bytes; at += 4) {
      Memory.setFloat(scores + at, Float.NEGATIVE_INFINITY);
    }
  }

  private static void multiply(long x, long bytes, float factor) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER)
          .mul(factor)
          .intoMemorySegment(ALL, x + at, ORDER);
    }
  }

  private static float largest(long scores, long bytes) {
    FloatVector max = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, scores + at, ORDER);
      max = max.blend(v, v.compare(GT, max));
    }
    return max.reduceLanes(VectorOperators.MAX);
  }

  private static void exponentials(
      long scores, long bytes, float largest, long sums, float factor) {
    Functions.exp(scores, scores, bytes, largest);
    FloatVector sum = FloatVector.fromMemorySegment(FLOATS, ALL, sums, ORDER).mul(factor);
    for (long at = 0; at < bytes; at += BYTES) {
      sum = sum.add(FloatVector.fromMemorySegment(FLOATS, ALL, scores + at, ORDER));
    }
    sum.intoMemorySegment(ALL, sums, ORDER);
  }

  /** Writes the row of out, of {@code bytes}, and its log-sum-exp; zeros where it saw no key. */
  static void finish(long out, long bytes, long lse, long state, long sums, long scratch) {
    FloatVector.fromMemorySegment(FLOATS, ALL, state + SUMS_AT, ORDER)
        .intoMemorySegment(ALL, scratch, ORDER);
    float sum = Memory.sum(scratch);
    if (sum == 0) {
      Memory.fill(out, bytes, 0);
      Memory.setFloat(lse, Float.NEGATIVE_INFINITY);
      return;
    }
    Memory.setFloat(lse, (float) (Memory.getFloat(state) + Math.log(sum)));
    long at = 0;
    for (; at <= bytes - BYTES; at += BYTES) {
      FloatVector.fromMemorySegment(FLOATS, ALL, sums + at, ORDER)
          .div(sum)
          .intoMemorySegment(ALL, out + at, ORDER);
    }
    for (; at < bytes; at += 4) {
      Memory.setFloat(out + at, Memory.getFloat(sums + at) / sum);
    }
  }

  /** {@code gradients = weights * (gradients - delta) * scale} for whole vectors. */
  static void gradients(long gradients, long weights, long bytes, float delta, float scale) {
    for (long at = 0; at < bytes; at += BYTES) {
      FloatVector d =
          FloatVector.fromMemorySegment(FLOATS, ALL, gradients + at, ORDER).sub(delta).mul(scale);
      d.mul(FloatVector.fromMemorySegment(FLOATS, ALL, weights + at, ORDER))
          .intoMemorySegment(ALL, gradients + at, ORDER);
    }
  }

  /** The inner product of two rows. */
  static float dot(long a, long b, long bytes, long scratch) {
    FloatVector sum = FloatVector.zero(FLOATS);
    long at = 0;
    for (; at <= bytes - BYTES; at += BYTES) {
      sum =
          FloatVector.fromMemorySegment(FLOATS, ALL, a + at, ORDER)
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, b + at, ORDER), sum);
    }
    sum.intoMemorySegment(ALL, scratch, ORDER);
    float dot = Memory.sum(scratch);
    for (; at < bytes; at += 4) {
      dot = Math.fma(Memory.getFloat(a + at), Memory.getFloat(b + at), dot);
    }
    return dot;
  }
}
