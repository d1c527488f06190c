package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;
import org.quern.exec.Status;

/** Gradient descent with momentum, as PyTorch's SGD computes it; by elements. */
final class SgdKernel implements VectorKernel {
  @Override
  public int run(ProgramRecord record, int part, int parts) {
    long step = record.step();
    long squares = record.pointer(3);
    if (!record.mayUpdate(squares)) {
      return Status.OK;
    }
    long n = record.integer(0);
    long first = Share.first(n, Share.ELEMENTS, part, parts);
    long last = Share.first(n, Share.ELEMENTS, part + 1, parts);
    long at = 4 * first;
    update(
        record.pointer(0) + at,
        record.pointer(1) + at,
        record.pointer(2) + at,
        4 * last - at,
        record.clip(squares),
        Memory.getFloat(step + Fields.STEP_LEARNING_RATE),
        record.floating(0),
        record.floating(1));
    long copy = record.pointer(4);
    if (copy != 0) {
      RoundKernel.round(copy, record.pointer(0), first, last);
    }
    return Status.OK;
  }

  private static void update(
      long parameter,
      long grad,
      long m,
      long bytes,
      float clip,
      float rate,
      float momentum,
      float decay) {
    FloatVector decays = FloatVector.broadcast(FLOATS, decay);
    FloatVector momenta = FloatVector.broadcast(FLOATS, momentum);
    FloatVector minusRate = FloatVector.broadcast(FLOATS, -rate);
    long at = 0;
    for (; at <= bytes - BYTES; at += BYTES) {
      FloatVector p = FloatVector.fromMemorySegment(FLOATS, ALL, parameter + at, ORDER);
      FloatVector g =
          decays.fma(p, FloatVector.fromMemorySegment(FLOATS, ALL, grad + at, ORDER).mul(clip));
      FloatVector mean = momenta.fma(FloatVector.fromMemorySegment(FLOATS, ALL, m + at, ORDER), g);
      mean.intoMemorySegment(ALL, m + at, ORDER);
      minusRate.fma(mean, p).intoMemorySegment(ALL, parameter + at, ORDER);
    }
    for (; at < bytes; at += 4) {
      float p = Memory.getFloat(parameter + at);
      float g = Math.fma(decay, p, Memory.getFloat(grad + at) * clip);
      float mean = Math.fma(momentum, Memory.getFloat(m + at), g);
      Memory.setFloat(m + at, mean);
      Memory.setFloat(parameter + at, Math.fma(-rate, mean, p));
    }
  }
}
