package org.quern.exec.vector;

import org.quern.exec.Status;

/** Where the fields of {@code quern_record} and {@code quern_step} lie. */
final class Fields {
  static final long RECORD_BYTES = 256;
  static final long RECORD_KERNEL = 0;
  static final long RECORD_FLAGS = 4;
  static final long RECORD_NODE = 8;
  static final long RECORD_ASSIGNED = 12;

  static final int BARRIER = 1;
  static final int ON_UPDATE = 2;
  static final int COMMITTED = 4;

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

  static long step(long record) {
    return Memory.getLong(record + 16);
  }

  static long scratch(long record, int part) {
    return Memory.getLong(record + 24) + part * WORK_BYTES;
  }

  static long pointer(long record, int index) {
    return Memory.getLong(record + 32 + 8L * index);
  }

  static long integer(long record, int index) {
    return Memory.getLong(record + 112 + 8L * index);
  }

  static float floating(long record, int index) {
    return Memory.getFloat(record + 224 + 4L * index);
  }

  /** Whether the run is to end; never once a parameter may have changed. */
  static boolean cancelled(long record) {
    return (Memory.getInt(record + RECORD_FLAGS) & COMMITTED) == 0
        && Memory.getInt(step(record) + STEP_CANCEL) != 0;
  }

  /** Whether the gradient at pointer {@code index} is added to; else it is assigned. */
  static boolean adds(long record, int index) {
    return (Memory.getInt(record + RECORD_ASSIGNED) >> index & 1) == 0
        || Memory.getLong(step(record) + STEP_ACCUMULATE) != 0;
  }

  /** Notes that the record met a number that is not finite. */
  static void setNonfinite(long record) {
    Memory.setInt(step(record) + STEP_NONFINITE, Memory.getInt(record + RECORD_NODE) + 1);
  }

  /**
   * Whether an optimizer may change its parameter: not if an earlier record met a number that is
   * not finite, nor if one of {@code squares}, 0 for none, is not.
   *
   * <p>Workers that are ahead may have noted a later record. That must not keep this worker's share
   * of the parameter from changing as theirs did.
   */
  static boolean mayUpdate(long record, long squares) {
    int met = Memory.getInt(step(record) + STEP_NONFINITE);
    if (met != 0 && met <= Memory.getInt(record + RECORD_NODE) + 1) {
      return false;
    }
    for (long j = 0; squares != 0 && j < integer(record, 1); j++) {
      if (!Float.isFinite(Memory.getFloat(squares + 4 * j))) {
        setNonfinite(record);
        return false;
      }
    }
    return true;
  }

  /** What an optimizer multiplies its gradient with. */
  static float clip(long record, long squares) {
    return squares == 0 ? Memory.getFloat(step(record) + STEP_CLIP_SCALE) : 1;
  }

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
