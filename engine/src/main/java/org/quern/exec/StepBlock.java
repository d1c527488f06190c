package org.quern.exec;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * What changes from one run of a program to the next: {@code quern_step} in {@code
 * native/include/quern.h}. Set between runs, but for {@link #cancel}. Lives as long as its
 * executable.
 */
public final class StepBlock {
  /** {@code sizeof(quern_step)}. */
  public static final long BYTES = 128;

  /** {@code int64_t step}. */
  public static final long STEP = 0;

  /** {@code int64_t sequence}. */
  public static final long SEQUENCE = 8;

  /** {@code int64_t seed}. */
  public static final long SEED = 16;

  /** {@code int32_t update}. */
  public static final long UPDATE = 24;

  /** {@code int32_t cancel}. */
  public static final long CANCEL = 28;

  /** {@code float learning_rate}. */
  public static final long LEARNING_RATE = 32;

  /** {@code float loss_scale}. */
  public static final long LOSS_SCALE = 36;

  /** {@code float max_norm}. */
  public static final long MAX_NORM = 40;

  /** {@code float loss}. */
  public static final long LOSS = 44;

  /** {@code float grad_norm}. */
  public static final long GRAD_NORM = 48;

  /** {@code float clip_scale}. */
  public static final long CLIP_SCALE = 52;

  /** {@code int32_t nonfinite}. */
  public static final long NONFINITE = 56;

  /** {@code int32_t status}. */
  public static final long STATUS = 60;

  /** {@code int64_t failed_record}. */
  public static final long FAILED_RECORD = 64;

  /** {@code int64_t accumulate}. */
  public static final long ACCUMULATE = 72;

  /** {@code int32_t arrived[QUERN_SHARED_COLUMNS]}. */
  public static final long ARRIVED = 80;

  private static final VarHandle INT = JAVA_INT.varHandle();

  private final MemorySegment block;

  StepBlock(MemorySegment block) {
    this.block = block;
    lossScale(1);
  }

  /** The optimizer's step, counted from 1. */
  public void step(long step) {
    block.set(JAVA_LONG, STEP, step);
  }

  /** The number of the forward pass; with the seed it decides what dropout drops. */
  public void sequence(long sequence) {
    block.set(JAVA_LONG, SEQUENCE, sequence);
  }

  /** The seed of every random number of a run. */
  public void seed(long seed) {
    block.set(JAVA_LONG, SEED, seed);
  }

  /** Whether the run ends with the optimizer. */
  public void update(boolean update) {
    block.set(JAVA_INT, UPDATE, update ? 1 : 0);
  }

  boolean updates() {
    return block.get(JAVA_INT, UPDATE) != 0;
  }

  /**
   * Whether gradients go on from those of the run before, as in a step of many micro batches; else
   * a run makes them anew. Only for programs whose gradients outlive a run.
   */
  public void accumulate(boolean accumulate) {
    block.set(JAVA_LONG, ACCUMULATE, accumulate ? 1 : 0);
  }

  /** The learning rate of this step. */
  public void learningRate(float rate) {
    block.set(JAVA_FLOAT, LEARNING_RATE, rate);
  }

  /** What each counted label's loss is multiplied by: one over the number of counted labels. */
  public void lossScale(float scale) {
    block.set(JAVA_FLOAT, LOSS_SCALE, scale);
  }

  /** The largest norm of all gradients together; 0 for no clipping. */
  public void maxNorm(float norm) {
    block.set(JAVA_FLOAT, MAX_NORM, norm);
  }

  /** The loss of the last run: scaled, summed over its rows. */
  public float loss() {
    return block.get(JAVA_FLOAT, LOSS);
  }

  /** The norm of all gradients before clipping, of the last run that updated. */
  public float gradNorm() {
    return block.get(JAVA_FLOAT, GRAD_NORM);
  }

  /**
   * Whether the last run met a NaN or an infinity in its loss or, if it updated, in its gradients.
   * No parameter changes after that.
   */
  public boolean nonfinite() {
    return block.get(JAVA_INT, NONFINITE) != 0;
  }

  /** The node that met it, if {@link #nonfinite}. */
  public int nonfiniteNode() {
    return block.get(JAVA_INT, NONFINITE) - 1;
  }

  /**
   * Asks the run in progress to end; any thread may. Once a parameter has changed, the run goes on
   * to its end, so that no parameter is ahead of another. Does nothing once the executable is
   * closed.
   */
  public void cancel() {
    try {
      INT.setVolatile(block, CANCEL, 1);
    } catch (IllegalStateException e) {
      // Closed by another thread in between: there is nothing left to cancel.
      return;
    }
  }

  void clearBeforeRun() {
    block.set(JAVA_INT, STATUS, Status.OK);
    block.set(JAVA_INT, NONFINITE, 0);
    block.set(JAVA_LONG, FAILED_RECORD, 0);
    for (long counters = ARRIVED; counters < BYTES; counters += Long.BYTES) {
      block.set(JAVA_LONG, counters, 0);
    }
  }

  void clearCancel() {
    INT.setVolatile(block, CANCEL, 0);
  }

  long failedRecord() {
    return block.get(JAVA_LONG, FAILED_RECORD);
  }
}
