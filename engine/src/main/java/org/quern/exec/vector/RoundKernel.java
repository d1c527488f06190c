package org.quern.exec.vector;

import org.quern.exec.Status;

/**
 * {@code y = x} rounded to BF16, nearest and ties to even. An element at a time: these kernels'
 * engine computes in F32, where no program asks for it.
 */
final class RoundKernel implements VectorKernel {
  private static final int QUIET = 0x0040_0000;

  @Override
  public int run(ProgramRecord record, int part, int parts) {
    long n = record.integer(0);
    long y = record.pointer(0);
    long same = record.pointer(1);
    long x = record.pointer(2);
    long last = Share.first(n, Share.ELEMENTS, part + 1, parts);
    for (long i = Share.first(n, Share.ELEMENTS, part, parts); i < last; i++) {
      int upper = upper(Memory.getInt(x + 4 * i));
      Memory.setShort(y + 2 * i, (short) upper);
      if (same != 0) {
        Memory.setInt(same + 4 * i, upper << Short.SIZE);
      }
    }
    return Status.OK;
  }

  /** The elements from {@code first} to before {@code last} of x, rounded to those of y. */
  static void round(long y, long x, long first, long last) {
    for (long i = first; i < last; i++) {
      Memory.setShort(y + 2 * i, (short) upper(Memory.getInt(x + 4 * i)));
    }
  }

  /** The elements from {@code first} to before {@code last} of x, as floats in y. */
  static void widen(long y, long x, long first, long last) {
    for (long i = first; i < last; i++) {
      Memory.setInt(y + 4 * i, Memory.getShort(x + 2 * i) << Short.SIZE);
    }
  }

  private static int upper(int bits) {
    boolean nan = Float.isNaN(Float.intBitsToFloat(bits));
    int odd = bits >>> Short.SIZE & 1;
    return (nan ? bits | QUIET : bits + 0x7fff + odd) >>> Short.SIZE;
  }

  /** BF16 as floats. */
  static final class Widen implements VectorKernel {
    @Override
    public int run(ProgramRecord record, int part, int parts) {
      long n = record.integer(0);
      long y = record.pointer(0);
      long x = record.pointer(1);
      long last = Share.first(n, Share.ELEMENTS, part + 1, parts);
      widen(y, x, Share.first(n, Share.ELEMENTS, part, parts), last);
      return Status.OK;
    }
  }
}
