package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.FLOATS;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;

/**
 * Reads and writes by absolute address. One segment spans all addresses, so that an access is one
 * compare and one move; whoever writes a program answers for its addresses.
 */
final class Memory {
  static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
  static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ORDER);

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ORDER);
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ORDER);
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ORDER);

  private Memory() {}

  static float getFloat(long address) {
    return ALL.get(FLOAT, address);
  }

  static void setFloat(long address, float value) {
    ALL.set(FLOAT, address, value);
  }

  static short getShort(long address) {
    return ALL.get(SHORT, address);
  }

  static void setShort(long address, short value) {
    ALL.set(SHORT, address, value);
  }

  static int getInt(long address) {
    return ALL.get(INT, address);
  }

  static void setInt(long address, int value) {
    ALL.set(INT, address, value);
  }

  static long getLong(long address) {
    return ALL.get(LONG, address);
  }

  static void setLong(long address, long value) {
    ALL.set(LONG, address, value);
  }

  /** Copies {@code bytes}, a multiple of 4, from one place to another that does not overlap it. */
  static void copy(long to, long from, long bytes) {
    long at = 0;
    for (; at <= bytes - Lanes.BYTES; at += Lanes.BYTES) {
      FloatVector.fromMemorySegment(FLOATS, ALL, from + at, ORDER)
          .intoMemorySegment(ALL, to + at, ORDER);
    }
    for (; at < bytes; at += 4) {
      setInt(to + at, getInt(from + at));
    }
  }

  /** Sets {@code bytes}, a multiple of 4, to zero: without vectors, for kernels that have many. */
  static void clear(long to, long bytes) {
    for (long at = 0; at < bytes; at += 4) {
      setInt(to + at, 0);
    }
  }

  /** Sets {@code bytes}, a multiple of 4, to floats of this value. */
  static void fill(long to, long bytes, float value) {
    FloatVector values = FloatVector.broadcast(Lanes.FLOATS, value);
    long at = 0;
    for (; at <= bytes - Lanes.BYTES; at += Lanes.BYTES) {
      values.intoMemorySegment(ALL, to + at, ORDER);
    }
    for (; at < bytes; at += 4) {
      setFloat(to + at, value);
    }
  }

  /**
   * Copies fewer floats than a vector has lanes into {@code scratch} and fills the rest of the
   * vector, so that an operand's last elements can be read as a vector without reading past its
   * end.
   *
   * @return {@code scratch}
   */
  static long pad(long scratch, long from, long bytes, float filler) {
    for (long at = 0; at < Lanes.BYTES; at += 4) {
      setFloat(scratch + at, at < bytes ? getFloat(from + at) : filler);
    }
    return scratch;
  }

  /**
   * The sum of a stored vector's lanes in a fixed order. {@code reduceLanes(ADD)} has none:
   * interpreted and compiled code round differently.
   */
  static float sum(long scratch) {
    float even = 0;
    float odd = 0;
    for (long at = 0; at < Lanes.BYTES; at += 8) {
      even += getFloat(scratch + at);
      odd += getFloat(scratch + at + 4);
    }
    return even + odd;
  }
}
