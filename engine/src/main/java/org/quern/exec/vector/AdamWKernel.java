package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;
import org.quern.exec.Status;

/** AdamW (Loshchilov and Hutter 2019, algorithm 2), as PyTorch computes it; by elements. */
final class AdamWKernel implements VectorKernel {
  @Override
  public int run(ProgramRecord record, int part, int parts) {
    long step = record.step();
    long squares = record.pointer(4);
    if (!record.mayUpdate(squares)) {
      return Status.OK;
    }
    long n = record.integer(0);
    double beta1 = record.floating(0);
    double beta2 = record.floating(1);
    double rate = Memory.getFloat(step + Fields.STEP_LEARNING_RATE);
    double time = Memory.getLong(step + Fields.STEP_STEP);
    long first = Share.first(n, Share.ELEMENTS, part, parts);
    long last = Share.first(n, Share.ELEMENTS, part + 1, parts);
    long at = 4 * first;
    update(
        record.pointer(0) + at,
        record.pointer(1) + at,
        record.pointer(2) + at,
        record.pointer(3) + at,
        4 * last - at,
        record.clip(squares),
        (float) (1 - rate * record.floating(3)),
        (float) beta1,
        (float) (1 - beta1),
        (float) beta2,
        (float) (1 - beta2),
        (float) (rate / (1 - Math.pow(beta1, time))),
        (float) Math.sqrt(1 - Math.pow(beta2, time)),
        record.floating(2));
    long copy = record.pointer(5);
    if (copy != 0) {
      RoundKernel.round(copy, record.pointer(0), first, last);
    }
    return Status.OK;
  }

  private static void update(
      long parameter,
      long grad,
      long m,
      long v,
      long bytes,
      float clip,
      float decay,
      float beta1,
      float rest1,
      float beta2,
      float rest2,
      float rate,
      float correction,
      float epsilon) {
    FloatVector minusRate = FloatVector.broadcast(FLOATS, -rate);
    long at = 0;
    for (; at <= bytes - BYTES; at += BYTES) {
      FloatVector g = FloatVector.fromMemorySegment(FLOATS, ALL, grad + at, ORDER).mul(clip);
      FloatVector mean =
          FloatVector.fromMemorySegment(FLOATS, ALL, m + at, ORDER).mul(beta1).add(g.mul(rest1));
      FloatVector square =
          FloatVector.fromMemorySegment(FLOATS, ALL, v + at, ORDER)
              .mul(beta2)
              .add(g.mul(g).mul(rest2));
      FloatVector denominator = square.sqrt().div(correction).add(epsilon);
      FloatVector p = FloatVector.fromMemorySegment(FLOATS, ALL, parameter + at, ORDER).mul(decay);
      mean.div(denominator).fma(minusRate, p).intoMemorySegment(ALL, parameter + at, ORDER);
      mean.intoMemorySegment(ALL, m + at, ORDER);
      square.intoMemorySegment(ALL, v + at, ORDER);
    }
    for (; at < bytes; at += 4) {
      float g = Memory.getFloat(grad + at) * clip;
      float mean = Memory.getFloat(m + at) * beta1 + g * rest1;
      float square = Memory.getFloat(v + at) * beta2 + g * g * rest2;
      float denominator = (float) Math.sqrt(square) / correction + epsilon;
      float p = Memory.getFloat(parameter + at) * decay;
      Memory.setFloat(parameter + at, Math.fma(mean / denominator, -rate, p));
      Memory.setFloat(m + at, mean);
      Memory.setFloat(v + at, square);
    }
  }
}
