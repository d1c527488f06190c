package org.quern.exec.vector;

import org.quern.exec.Status;

/** Where the fields of {@code quern_step} lie. */
final class Fields {
  static final long STEP_STEP = 0;
  static final long STEP_SEQUENCE = 8;
  static final long STEP_SEED = 16;
  static final long STEP_UPDATE = 24;
  static final long STEP_CANCEL = 28;
  static final long STEP_LEARNING_RATE = 32;
  static final long STEP_LOSS_SCALE = 36;
  static final long STEP_MAX_NORM = 40;
  static final long STEP_LOSS = 44;
  static final long STEP_GRAD_NORM = 48;
  static final long STEP_CLIP_SCALE = 52;
  static final long STEP_NONFINITE = 56;
  static final long STEP_STATUS = 60;
  static final long STEP_FAILED_RECORD = 64;
  static final long STEP_ACCUMULATE = 72;

  static final long BARRIER_ARRIVED = 0;
  static final long BARRIER_GENERATION = 128;

  /** Scratch memory that each worker has for the duration of one record. */
  static final long WORK_BYTES = 2L << 20;

  /** A label that counts for nothing. */
  static final int IGNORED_LABEL = -100;

  private Fields() {}

  /**
   * Notes in the worker's scratch which value lies outside its table, for the walker's message.
   *
   * @return {@link Status#BAD_INDEX}
   */
  static int badIndex(long scratch, long row, long value, long limit) {
    Memory.setLong(scratch, row);
    Memory.setLong(scratch + 8, value);
    Memory.setLong(scratch + 16, limit);
    return Status.BAD_INDEX;
  }
}
