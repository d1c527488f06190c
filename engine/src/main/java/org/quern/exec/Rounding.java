package org.quern.exec;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;

/** Rounds floats to BF16. */
final class Rounding {
  /** Elements of a block, so that an int counts them, which the compiler vectorizes. */
  private static final int BLOCK = 1 << 20;

  private static final int MAGNITUDE = 0x7fffffff;
  private static final int INFINITE = 0x7f800000;
  private static final int QUIET = 0x40;

  private Rounding() {}

  /** The nearest BF16 of each float, ties to the even one; NaN stays NaN. */
  static void toBf16(MemorySegment from, MemorySegment to) {
    long elements = from.byteSize() / Float.BYTES;
    for (long first = 0; first < elements; first += BLOCK) {
      int count = (int) Math.min(BLOCK, elements - first);
      MemorySegment source = from.asSlice(first * Float.BYTES, (long) count * Float.BYTES);
      MemorySegment target = to.asSlice(first * Short.BYTES, (long) count * Short.BYTES);
      for (int i = 0; i < count; i++) {
        int bits = source.get(JAVA_INT, (long) i * Float.BYTES);
        int rounded = (bits + 0x7fff + (bits >>> 16 & 1)) >>> 16;
        int kept = bits >>> 16 | QUIET;
        target.set(
            JAVA_SHORT,
            (long) i * Short.BYTES,
            (short) ((bits & MAGNITUDE) > INFINITE ? kept : rounded));
      }
    }
  }
}
