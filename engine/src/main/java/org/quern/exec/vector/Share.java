package org.quern.exec.vector;

/** How work is split among workers: contiguous shares, in whole units, in order. */
final class Share {
  /** Elements that are never split between workers: the lanes of the widest vector. */
  static final long ELEMENTS = 16;

  private Share() {}

  /** The first of worker {@code part}'s items; where the next worker's begin, its own end. */
  static long first(long items, long unit, int part, int parts) {
    long units = (items + unit - 1) / unit;
    return Math.min(items, units * part / parts * unit);
  }
}
