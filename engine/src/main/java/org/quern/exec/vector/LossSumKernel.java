package org.quern.exec.vector;

import org.quern.exec.Status;

/** {@code out[0] = step.loss = step.loss_scale * sum of losses}, added as doubles by worker 0. */
final class LossSumKernel implements VectorKernel {
  @Override
  public int run(ProgramRecord record, int part, int parts) {
    if (part == 0) {
      long step = record.step();
      double sum = sum(record.pointer(1), record.integer(0));
      float loss = (float) (sum * Memory.getFloat(step + Fields.STEP_LOSS_SCALE));
      Memory.setFloat(record.pointer(0), loss);
      Memory.setFloat(step + Fields.STEP_LOSS, loss);
      if (!Float.isFinite(loss)) {
        record.setNonfinite();
      }
    }
    return Status.OK;
  }

  static double sum(long x, long n) {
    double sum = 0;
    for (long i = 0; i < n; i++) {
      sum += Memory.getFloat(x + 4 * i);
    }
    return sum;
  }
}
