package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;

import org.quern.exec.Status;

/** {@code y = a + b}. */
final class AddKernel implements VectorKernel {
  @Override
  public int run(long record, int part, int parts) {
    long n = Fields.integer(record, 0);
    long at = 4 * Share.first(n, Share.ELEMENTS, part, parts);
    long bytes = 4 * Share.first(n, Share.ELEMENTS, part + 1, parts) - at;
    add(
        Fields.pointer(record, 0) + at,
        Fields.pointer(record, 1) + at,
        Fields.pointer(record, 2) + at,
        bytes);
    return Status.OK;
  }

  /** {@code y = a + b}; {@code y} may be {@code a} or {@code b}. */
  static void add(long y, long a, long b, long bytes) {
    long at = 0;
    for (; at <= bytes - BYTES; at += BYTES) {
      Memory.store(y + at, Memory.load(a + at).add(Memory.load(b + at)));
    }
    for (; at < bytes; at += 4) {
      Memory.setFloat(y + at, Memory.getFloat(a + at) + Memory.getFloat(b + at));
    }
  }
}
