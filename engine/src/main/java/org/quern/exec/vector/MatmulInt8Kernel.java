package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.quern.exec.Status;
import org.quern.memory.Int8;

/**
 * {@code out = a b^T + bias}, b of 8 bits with scales, a rounded likewise. Integers are multiplied
 * as floats: sums of {@link #CHUNK} products stay below 2^24, so that all of them are exact.
 */
final class MatmulInt8Kernel implements VectorKernel {
  /** Steps that are added up before they are scaled. */
  private static final long CHUNK = 512;

  private static final long MOST_ROWS = 64;

  /** Adding it rounds to an integer: 1.5 2^23. */
  private static final float MAGIC = 12_582_912f;

  /** As many bytes as a vector has lanes, or the 8 that there are at the least. */
  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, 8 * Lanes.COUNT)));

  private static final int PARTS = BYTES.length() / Lanes.COUNT;

  @Override
  public int run(ProgramRecord record, int part, int parts) {
    long m = record.integer(0);
    long n = record.integer(1);
    long k = record.integer(2);
    long aStride = 4 * record.integer(3);
    long bStride = record.integer(4);
    long outStride = 4 * record.integer(5);
    long group = Math.min(k, record.integer(6));
    long groups = (k + group - 1) / group;
    long out = record.pointer(0);
    long a = record.pointer(1);
    long b = record.pointer(2);
    long bias = record.pointer(3);
    long bScales = record.pointer(4);
    long lanes = record.scratch(part);
    long rounded = lanes + 2 * Lanes.BYTES;
    long rowBytes = 4 * (k + groups);
    long together = Math.clamp((Fields.WORK_BYTES - 2 * Lanes.BYTES) / rowBytes, 1, MOST_ROWS);
    long first = Share.first(n, Share.ELEMENTS, part, parts);
    long last = Share.first(n, Share.ELEMENTS, part + 1, parts);
    for (long i = 0; i < m && first < last; i += together) {
      if (record.cancelled()) {
        return Status.CANCELLED;
      }
      long rows = Math.min(together, m - i);
      for (long r = 0; r < rows; r++) {
        long to = rounded + r * rowBytes;
        round(to, to + 4 * k, a + (i + r) * aStride, k, group);
      }
      for (long j = first; j < last; j++) {
        for (long r = 0; r < rows; r++) {
          long from = rounded + r * rowBytes;
          float sum =
              dot(lanes, from, b + j * bStride, k, group, from + 4 * k, bScales + 4 * j * groups);
          float start = bias == 0 ? 0 : Memory.getFloat(bias + 4 * j);
          Memory.setFloat(out + (i + r) * outStride + 4 * j, start + sum);
        }
      }
    }
    return Status.OK;
  }

  /** Rounds a row to integers, as floats, and gives each group its scale. */
  private static void round(long to, long scales, long from, long k, long group) {
    for (long first = 0; first < k; first += group) {
      long end = Math.min(k, first + group);
      float largest = 0;
      for (long at = 4 * first; at < 4 * end; at += 4) {
        largest = Math.max(largest, Math.abs(Memory.getFloat(from + at)));
      }
      boolean counts = largest >= Int8.LEAST && largest <= Float.MAX_VALUE;
      if (counts) {
        float inverse = 127 / largest;
        long at = 4 * first;
        for (; at <= 4 * end - Lanes.BYTES; at += Lanes.BYTES) {
          FloatVector.fromMemorySegment(FLOATS, ALL, from + at, ORDER)
              .mul(inverse)
              .add(MAGIC)
              .sub(MAGIC)
              .intoMemorySegment(ALL, to + at, ORDER);
        }
        for (; at < 4 * end; at += 4) {
          Memory.setFloat(to + at, Memory.getFloat(from + at) * inverse + MAGIC - MAGIC);
        }
      } else {
        Memory.clear(to + 4 * first, 4 * (end - first));
      }
      float scale = counts ? largest / 127 : largest < Int8.LEAST ? 0 : Float.NaN;
      Memory.setFloat(scales + first / group * 4, scale);
    }
  }

  private static float dot(
      long lanes, long a, long b, long k, long group, long aScales, long bScales) {
    float sum = 0;
    long g = 0;
    for (long first = 0; first < k; g += 4) {
      float scale = Memory.getFloat(aScales + g) * Memory.getFloat(bScales + g);
      long end = Math.min(k, first + group);
      while (first < end) {
        long last = Math.min(end, first + CHUNK);
        sum = Math.fma(integers(lanes, a + 4 * first, b + first, last - first), scale, sum);
        first = last;
      }
    }
    return sum;
  }

  /** The sum of so many products of integers. */
  private static float integers(long lanes, long a, long b, long count) {
    FloatVector sums = FloatVector.zero(Lanes.FLOATS);
    long i = 0;
    for (; i <= count - BYTES.length(); i += BYTES.length()) {
      ByteVector weights = ByteVector.fromMemorySegment(BYTES, ALL, b + i, ORDER);
      for (int part = 0; part < PARTS; part++) {
        FloatVector x =
            FloatVector.fromMemorySegment(FLOATS, ALL, a + 4 * i + part * Lanes.BYTES, ORDER);
        FloatVector y = (FloatVector) weights.convertShape(VectorOperators.B2F, Lanes.FLOATS, part);
        sums = x.fma(y, sums);
      }
    }
    sums.intoMemorySegment(ALL, lanes, ORDER);
    float sum = Memory.sum(lanes);
    for (; i < count; i++) {
      sum += Memory.getFloat(a + 4 * i) * ALL.get(ValueLayout.JAVA_BYTE, b + i);
    }
    return sum;
  }
}
