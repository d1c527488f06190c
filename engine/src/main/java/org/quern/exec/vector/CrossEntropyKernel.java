package org.quern.exec.vector;

import static jdk.incubator.vector.VectorOperators.GT;
import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.quern.exec.Status;

/** {@code losses[n] = lse[n] - logits[n, labels[n]]}, or 0 where the label is ignored; by rows. */
final class CrossEntropyKernel implements VectorKernel {
  private static final long BLOCK_BYTES = 4096;
  private static final long BLOCK_AT = 64;

  @Override
  public int run(ProgramRecord record, int part, int parts) {
    long n = record.integer(0);
    long v = record.integer(1);
    long losses = record.pointer(0);
    long lses = record.pointer(1);
    long logits = record.pointer(2);
    long labels = record.pointer(3);
    long scratch = record.scratch(part);
    long last = Share.first(n, 1, part + 1, parts);
    for (long row = Share.first(n, 1, part, parts); row < last; row++) {
      int label = Memory.getInt(labels + 4 * row);
      if (label != Fields.IGNORED_LABEL && (label < 0 || label >= v)) {
        return Fields.badIndex(scratch, row, label, v);
      }
      long x = logits + row * 4 * v;
      float max = max(x, 4 * v);
      float sum = sumOfExp(x, 4 * v, max, scratch, 0);
      double lse = max + Math.log(sum);
      Memory.setFloat(lses + 4 * row, (float) lse);
      float loss =
          label == Fields.IGNORED_LABEL ? 0 : (float) (lse - Memory.getFloat(x + 4L * label));
      Memory.setFloat(losses + 4 * row, loss);
    }
    return Status.OK;
  }

  /** The largest value; what is NaN is passed over, and shows in the sum. */
  static float max(long x, long bytes) {
    FloatVector max0 = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
    FloatVector max1 = max0;
    long at = 0;
    for (; at <= bytes - 2 * BYTES; at += 2 * BYTES) {
      FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER);
      FloatVector x1 = FloatVector.fromMemorySegment(FLOATS, ALL, x + at + BYTES, ORDER);
      max0 = max0.blend(x0, x0.compare(GT, max0));
      max1 = max1.blend(x1, x1.compare(GT, max1));
    }
    float max = max0.max(max1).reduceLanes(VectorOperators.MAX);
    for (; at < bytes; at += 4) {
      float value = Memory.getFloat(x + at);
      max = value > max ? value : max;
    }
    return max;
  }

  /** The sum of exp(x - max); its terms go {@code to} where that is not 0. */
  private static float sumOfExp(long x, long bytes, float max, long scratch, long to) {
    long block = scratch + BLOCK_AT;
    FloatVector sum = FloatVector.zero(FLOATS);
    for (long first = 0; first < bytes; first += BLOCK_BYTES) {
      long wide = Math.min(BLOCK_BYTES, bytes - first);
      Functions.expPadded(block, x + first, wide, max);
      if (to != 0) {
        Memory.copy(to + first, block, wide);
      }
      for (long at = 0; at < wide; at += BYTES) {
        sum = sum.add(FloatVector.fromMemorySegment(FLOATS, ALL, block + at, ORDER));
      }
    }
    sum.intoMemorySegment(ALL, scratch, ORDER);
    return Memory.sum(scratch);
  }

  /** The losses of rows whose logits come by chunks of the classes. */
  static final class Chunk implements VectorKernel {
    @Override
    public int run(ProgramRecord record, int part, int parts) {
      long n = record.integer(0);
      long width = record.integer(1);
      long begin = record.integer(2);
      long v = record.integer(3);
      long states = record.pointer(0);
      long losses = record.pointer(1);
      long logits = record.pointer(2);
      long labels = record.pointer(3);
      long before = record.pointer(4);
      long scratch = record.scratch(part);
      long last = Share.first(n, 1, part + 1, parts);
      for (long row = Share.first(n, 1, part, parts); row < last; row++) {
        int label = Memory.getInt(labels + 4 * row);
        if (label != Fields.IGNORED_LABEL && (label < 0 || label >= v)) {
          return Fields.badIndex(scratch, row, label, v);
        }
        if (record.cancelled()) {
          return Status.CANCELLED;
        }
        long x = logits + row * 4 * width;
        long state = states + 12 * row;
        if (before == 0) {
          Memory.setFloat(state, Float.NEGATIVE_INFINITY);
          Memory.setFloat(state + 4, 0);
          Memory.setFloat(state + 8, 0);
        } else if (before != states) {
          Memory.copy(state, before + 12 * row, 12);
        }
        add(state, x, 4 * width, scratch);
        if (label >= begin && label < begin + width) {
          Memory.setFloat(state + 8, Memory.getFloat(x + 4 * (label - begin)));
        }
        double own = Memory.getFloat(state + 8);
        double loss = Memory.getFloat(state) - own + Math.log(Memory.getFloat(state + 4));
        Memory.setFloat(losses + 4 * row, label == Fields.IGNORED_LABEL ? 0 : (float) loss);
      }
      return Status.OK;
    }

    /** Takes the largest logit and the sum of exponentials on by a chunk. */
    private static void add(long state, long x, long bytes, long scratch) {
      float before = Memory.getFloat(state);
      float max = Math.max(before, max(x, bytes));
      float sum = Memory.getFloat(state + 4);
      if (max > before) {
        sum *= (float) Math.exp((double) before - max);
      }
      // Where all is -infinity so far, infinity - infinity must not make NaN of it.
      float shift = max == Float.NEGATIVE_INFINITY ? 0 : max;
      Memory.setFloat(state, max);
      Memory.setFloat(state + 4, sum + sumOfExp(x, bytes, shift, scratch, 0));
    }
  }

  /**
   * {@code dlogits = (softmax(logits) - onehot(label)) * step.loss_scale}; zero where the label is
   * ignored.
   */
  static final class Backward implements VectorKernel {
    @Override
    public int run(ProgramRecord record, int part, int parts) {
      long n = record.integer(0);
      long v = record.integer(1);
      long dlogits = record.pointer(0);
      long logits = record.pointer(1);
      long labels = record.pointer(2);
      long lses = record.pointer(3);
      float scale = Memory.getFloat(record.step() + Fields.STEP_LOSS_SCALE);
      long scratch = record.scratch(part);
      long last = Share.first(n, 1, part + 1, parts);
      for (long row = Share.first(n, 1, part, parts); row < last; row++) {
        int label = Memory.getInt(labels + 4 * row);
        long to = dlogits + row * 4 * v;
        if (label == Fields.IGNORED_LABEL) {
          Memory.fill(to, 4 * v, 0);
          continue;
        }
        if (label < 0 || label >= v) {
          return Fields.badIndex(scratch, row, label, v);
        }
        softmax(to, logits + row * 4 * v, 4 * v, Memory.getFloat(lses + 4 * row), scale, scratch);
        long at = to + 4L * label;
        Memory.setFloat(at, Memory.getFloat(at) - scale);
      }
      return Status.OK;
    }

    private static void softmax(long to, long x, long bytes, float lse, float scale, long scratch) {
      for (long first = 0; first < bytes; first += BLOCK_BYTES) {
        long wide = Math.min(BLOCK_BYTES, bytes - first);
        Functions.expPadded(scratch, x + first, wide, lse);
        scale(to + first, scratch, wide, scale);
      }
    }
  }

  /** Losses and their gradient, each exponential taken once. In place: dlogits = logits. */
  static final class WithGradient implements VectorKernel {
    @Override
    public int run(ProgramRecord record, int part, int parts) {
      long n = record.integer(0);
      long v = record.integer(1);
      long losses = record.pointer(0);
      long dlogits = record.pointer(1);
      long logits = record.pointer(2);
      long labels = record.pointer(3);
      float scale = Memory.getFloat(record.step() + Fields.STEP_LOSS_SCALE);
      long scratch = record.scratch(part);
      long last = Share.first(n, 1, part + 1, parts);
      for (long row = Share.first(n, 1, part, parts); row < last; row++) {
        int label = Memory.getInt(labels + 4 * row);
        long to = dlogits + row * 4 * v;
        if (label == Fields.IGNORED_LABEL) {
          Memory.setFloat(losses + 4 * row, 0);
          Memory.fill(to, 4 * v, 0);
          continue;
        }
        if (label < 0 || label >= v) {
          return Fields.badIndex(scratch, row, label, v);
        }
        long x = logits + row * 4 * v;
        // Before dlogits takes the row's place.
        float own = Memory.getFloat(x + 4L * label);
        float max = max(x, 4 * v);
        float sum = sumOfExp(x, 4 * v, max, scratch, to);
        Memory.setFloat(losses + 4 * row, (float) (max - (double) own + Math.log(sum)));
        scale(to, to, 4 * v, scale / sum);
        long at = to + 4L * label;
        Memory.setFloat(at, Memory.getFloat(at) - scale);
      }
      return Status.OK;
    }
  }

  private static void scale(long to, long x, long bytes, float scale) {
    long at = 0;
    for (; at <= bytes - BYTES; at += BYTES) {
      FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER)
          .mul(scale)
          .intoMemorySegment(ALL, to + at, ORDER);
    }
    for (; at < bytes; at += 4) {
      Memory.setFloat(to + at, Memory.getFloat(x + at) * scale);
    }
  }
}
