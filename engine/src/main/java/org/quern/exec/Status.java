package org.quern.exec;

/** What a walker returns, as {@code quern_status} in {@code native/include/quern.h}. */
public final class Status {
  /** Every record ran. */
  public static final int OK = 0;

  /** The step block's cancel flag was set. */
  public static final int CANCELLED = 1;

  /** A token id, label or position lies outside its table. */
  public static final int BAD_INDEX = 2;

  /** The program is not one that the walker can run. */
  public static final int BAD_PROGRAM = 3;

  private Status() {}
}
