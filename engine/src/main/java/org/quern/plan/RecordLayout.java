package org.quern.plan;

/**
 * The layout of {@code quern_record} in {@code native/include/quern.h}, in bytes, for every walker.
 * A test compares it with the bindings.
 */
public final class RecordLayout {
  /** {@code int32_t kernel}. */
  public static final long KERNEL = 0;

  /** {@code int32_t flags}. */
  public static final long FLAGS = 4;

  /** {@code int32_t node}. */
  public static final long NODE = 8;

  /** {@code int32_t assigned}. */
  public static final long ASSIGNED = 12;

  /** {@code quern_step *step}. */
  public static final long STEP = 16;

  /** {@code void *work}. */
  public static final long WORK = 24;

  /** {@code void *pointers[10]}. */
  public static final long POINTERS = 32;

  /** How many pointers there are. */
  public static final int POINTER_COUNT = 10;

  /** {@code int64_t integers[14]}. */
  public static final long INTEGERS = 112;

  /** How many integers there are. */
  public static final int INTEGER_COUNT = 14;

  /** {@code float floats[8]}. */
  public static final long FLOATS = 224;

  /** How many floating-point numbers there are. */
  public static final int FLOAT_COUNT = 8;

  /** {@code sizeof(quern_record)}. */
  public static final long BYTES = 256;

  /** {@code QUERN_BARRIER}: all workers meet after the record. */
  public static final int FLAG_BARRIER = 1;

  /** {@code QUERN_ON_UPDATE}: the record runs only in steps that update the parameters. */
  public static final int FLAG_ON_UPDATE = 2;

  /** {@code QUERN_COMMITTED}: a parameter may have changed, so the run is no longer cancelled. */
  public static final int FLAG_COMMITTED = 4;

  /** {@code QUERN_FUSED}: the next record may be done together with this one. */
  public static final int FLAG_FUSED = 8;

  private RecordLayout() {}
}
