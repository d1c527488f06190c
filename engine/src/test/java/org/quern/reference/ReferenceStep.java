package org.quern.reference;

/** The fields of {@code quern_step} that operations read and write. */
public final class ReferenceStep {
  /** The optimizer's step, counted from 1. */
  public long step = 1;

  /** Counts forward passes. */
  public long sequence;

  /** Keys all random numbers. */
  public long seed;

  /** Whether nodes of the update run. */
  public boolean update = true;

  /** The learning rate. */
  public float learningRate = 1e-3f;

  /** What each row's loss is multiplied by. */
  public float lossScale = 1;

  /** The largest gradient norm; zero for no clipping. */
  public float maxNorm;

  /** Out: the loss. */
  public double loss;

  /** Out: the norm of the gradients before clipping. */
  public double gradNorm;

  /** Out: what the optimizer multiplies gradients by. */
  public double clipScale = 1;

  /** Whether gradients go on from those of the run before. */
  public boolean accumulate;

  /** Out: the loss, the norm or the squares of a gradient are not finite. */
  public boolean nonfinite;

  /** The same inputs, and outputs as before a run. */
  public ReferenceStep copy() {
    ReferenceStep copy = new ReferenceStep();
    copy.step = step;
    copy.sequence = sequence;
    copy.seed = seed;
    copy.update = update;
    copy.learningRate = learningRate;
    copy.lossScale = lossScale;
    copy.maxNorm = maxNorm;
    copy.accumulate = accumulate;
    return copy;
  }

  /** Whether an optimizer changes its parameter, whose gradient has these squares, if any. */
  boolean mayUpdate(Tensor squares) {
    for (int i = 0; !squares.isNone() && i < squares.size(); i++) {
      nonfinite |= !Float.isFinite((float) squares.get(i));
    }
    return !nonfinite;
  }

  /** The number in [0, 1) that quern.h gives this index of this stream. */
  double random(int stream, long index) {
    int[] words =
        Philox.words(
            new int[] {
              (int) (index >>> 2), (int) ((index >>> 2) >>> 32), stream, (int) sequence,
            },
            (int) seed,
            (int) (seed >>> 32));
    return (words[(int) (index & 3)] >>> 8) * 0x1p-24;
  }
}
