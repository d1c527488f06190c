package org.quern.exec.vector;

import org.quern.exec.Status;

/** The global gradient norm, and what it means for the step (Pascanu et al. 2013); worker 0. */
final class GradientNormKernel implements VectorKernel {
  /** As PyTorch's {@code clip_grad_norm_} adds, against a division by zero. */
  private static final float EPSILON = 1e-6f;

  @Override
  public int run(ProgramRecord record, int part, int parts) {
    if (part == 0) {
      long step = record.step();
      double sum = LossSumKernel.sum(record.pointer(1), record.integer(0));
      float norm = (float) Math.sqrt(sum);
      float most = Memory.getFloat(step + Fields.STEP_MAX_NORM);
      float loss = Memory.getFloat(step + Fields.STEP_LOSS);
      boolean finite = Float.isFinite(norm) && Float.isFinite(loss);
      Memory.setFloat(record.pointer(0), norm);
      Memory.setFloat(step + Fields.STEP_GRAD_NORM, norm);
      Memory.setFloat(
          step + Fields.STEP_CLIP_SCALE, most == 0 ? 1 : Math.min(1, most / (norm + EPSILON)));
      if (!finite && Memory.getInt(step + Fields.STEP_NONFINITE) == 0) {
        record.setNonfinite();
      }
    }
    return Status.OK;
  }
}
