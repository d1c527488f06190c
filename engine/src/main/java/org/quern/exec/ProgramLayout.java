package org.quern.exec;

/**
 * The layouts of {@code quern_program} and {@code quern_barrier} in {@code native/include/quern.h},
 * in bytes. A test compares them with the bindings.
 */
public final class ProgramLayout {
  /** {@code const quern_record *records}. */
  public static final long RECORDS = 0;

  /** {@code int64_t count}. */
  public static final long COUNT = 8;

  /** {@code quern_step *step}. */
  public static final long STEP = 16;

  /** {@code quern_barrier *barrier}. */
  public static final long BARRIER = 24;

  /** {@code int32_t tier}. */
  public static final long TIER = 32;

  /** {@code int32_t parts}. */
  public static final long PARTS = 36;

  /** {@code quern_sample *samples}; null for no times. */
  public static final long SAMPLES = 40;

  /** {@code sizeof(quern_program)}. */
  public static final long BYTES = 48;

  /** {@code sizeof(quern_barrier)}. */
  public static final long BARRIER_BYTES = 256;

  /** {@code QUERN_WORK_BYTES}: scratch of one worker. */
  public static final long WORK_BYTES = 2L << 20;

  private ProgramLayout() {}
}
