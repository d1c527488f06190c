package org.quern.exec.vector;

import org.quern.plan.RecordLayout;

/**
 * What one record of a program says: a copy of its {@code quern_record}, which a worker makes
 * before it runs the record.
 *
 * <p>Kernels ask for these fields where they need them. Each scalar access to memory outside the
 * heap costs C2 more than 600 nodes of the 18,000 after which it stops to inline, and a loop over
 * vectors that it stops in allocates them (docs/vector-api.md); a field of this copy costs some 30.
 */
final class ProgramRecord {
  private static final int WORDS = (int) (RecordLayout.BYTES / Long.BYTES);
  private static final int STEP = (int) (RecordLayout.STEP / Long.BYTES);
  private static final int WORK = (int) (RecordLayout.WORK / Long.BYTES);
  private static final int POINTERS = (int) (RecordLayout.POINTERS / Long.BYTES);
  private static final int INTEGERS = (int) (RecordLayout.INTEGERS / Long.BYTES);
  private static final int FLOATS = (int) (RecordLayout.FLOATS / Long.BYTES);

  private final long[] words = new long[WORDS];

  /** Copies the record at this address, in place of the one before. */
  void read(long address) {
    for (int i = 0; i < WORDS; i++) {
      words[i] = Memory.getLong(address + 8L * i);
    }
  }

  int kernel() {
    return (int) words[0];
  }

  int flags() {
    return (int) (words[0] >>> 32);
  }

  private int node() {
    return (int) words[1];
  }

  private int assigned() {
    return (int) (words[1] >>> 32);
  }

  /** The address of the {@code quern_step}. */
  long step() {
    return words[STEP];
  }

  /** The address of this worker's {@link Fields#WORK_BYTES}. */
  long scratch(int part) {
    return words[WORK] + part * Fields.WORK_BYTES;
  }

  long pointer(int index) {
    return words[POINTERS + index];
  }

  long integer(int index) {
    return words[INTEGERS + index];
  }

  float floating(int index) {
    return Float.intBitsToFloat((int) (words[FLOATS + index / 2] >>> 32 * (index % 2)));
  }

  /** Whether the run is to end; never once a parameter may have changed. */
  boolean cancelled() {
    return (flags() & RecordLayout.FLAG_COMMITTED) == 0
        && Memory.getInt(step() + Fields.STEP_CANCEL) != 0;
  }

  /** Whether the gradient at pointer {@code index} is added to; else it is assigned. */
  boolean adds(int index) {
    return (assigned() >> index & 1) == 0 || Memory.getLong(step() + Fields.STEP_ACCUMULATE) != 0;
  }

  /** Notes that the record met a number that is not finite. */
  void setNonfinite() {
    Memory.setInt(step() + Fields.STEP_NONFINITE, node() + 1);
  }

  /**
   * Whether an optimizer may change its parameter: not if an earlier record met a number that is
   * not finite, nor if one of {@code squares}, 0 for none, is not.
   *
   * <p>Workers that are ahead may have noted a later record. That must not keep this worker's share
   * of the parameter from changing as theirs did.
   */
  boolean mayUpdate(long squares) {
    int met = Memory.getInt(step() + Fields.STEP_NONFINITE);
    if (met != 0 && met <= node() + 1) {
      return false;
    }
    for (long j = 0; squares != 0 && j < integer(1); j++) {
      if (!Float.isFinite(Memory.getFloat(squares + 4 * j))) {
        setNonfinite();
        return false;
      }
    }
    return true;
  }

  /** What an optimizer multiplies its gradient with. */
  float clip(long squares) {
    return squares == 0 ? Memory.getFloat(step() + Fields.STEP_CLIP_SCALE) : 1;
  }
}
