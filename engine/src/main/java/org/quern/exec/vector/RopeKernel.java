package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;
import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;
import org.quern.exec.Status;

/** Rotary positions (Su et al. 2021) in halves, as GPT-NeoX lays them out; by rows. */
final class RopeKernel implements VectorKernel {
  @Override
  public int run(ProgramRecord record, int part, int parts) {
    long n = record.integer(0);
    long t = record.integer(1);
    long h = record.integer(2);
    long head = 4 * record.integer(3);
    long p = record.integer(4);
    float sign = record.integer(5) != 0 ? -1 : 1;
    long rotary = 4 * record.integer(6);
    long y = record.pointer(0);
    long x = record.pointer(1);
    long table = record.pointer(2);
    long starts = record.pointer(3);
    long last = Share.first(n, 1, part + 1, parts);
    for (long row = Share.first(n, 1, part, parts); row < last; row++) {
      long position = row % t + (starts == 0 ? 0 : Memory.getInt(starts + 4 * (row / t)));
      if (position < 0 || position >= p) {
        return Fields.badIndex(record.scratch(part), row, position, p);
      }
      long angles = table + position * rotary;
      for (long i = 0; i < h; i++) {
        long at = (row * h + i) * head;
        rotate(y + at, x + at, angles, rotary / 2, sign);
        if (y != x && rotary < head) {
          Memory.copy(y + at + rotary, x + at + rotary, head - rotary);
        }
      }
    }
    return Status.OK;
  }

  private static void rotate(long y, long x, long angles, long half, float sign) {
    FloatVector signs = FloatVector.broadcast(FLOATS, sign);
    long at = 0;
    for (; at <= half - BYTES; at += BYTES) {
      FloatVector cos = FloatVector.fromMemorySegment(FLOATS, ALL, angles + at, ORDER);
      FloatVector sin =
          FloatVector.fromMemorySegment(FLOATS, ALL, angles + half + at, ORDER).mul(signs);
      FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, ALL, x + at, ORDER);
      FloatVector x1 = FloatVector.fromMemorySegment(FLOATS, ALL, x + half + at, ORDER);
      x0.mul(cos).sub(x1.mul(sin)).intoMemorySegment(ALL, y + at, ORDER);
      x1.mul(cos).add(x0.mul(sin)).intoMemorySegment(ALL, y + half + at, ORDER);
    }
    for (; at < half; at += 4) {
      float cos = Memory.getFloat(angles + at);
      float sin = Memory.getFloat(angles + half + at) * sign;
      float x0 = Memory.getFloat(x + at);
      float x1 = Memory.getFloat(x + half + at);
      Memory.setFloat(y + at, x0 * cos - x1 * sin);
      Memory.setFloat(y + half + at, x1 * cos + x0 * sin);
    }
  }
}
