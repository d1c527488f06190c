package org.quern.profile;

/**
 * The layout of {@code quern_sample} in {@code native/include/quern.h}, in bytes: when one worker
 * did one record, in nanoseconds of {@link System#nanoTime}. A test compares it with the bindings.
 */
public final class SampleLayout {
  /** {@code int64_t begin}; 0 where the record was left out. */
  public static final long BEGIN = 0;

  /** {@code int64_t end}. */
  public static final long END = 8;

  /** {@code int64_t met}: when all workers had met; the end where there is no barrier. */
  public static final long MET = 16;

  /** {@code sizeof(quern_sample)}. */
  public static final long BYTES = 24;

  private SampleLayout() {}
}
