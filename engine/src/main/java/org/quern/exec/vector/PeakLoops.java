package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;

/** What the Vector API does at most: all arithmetic and no memory, and the other way round. */
final class PeakLoops {
  private static final int ROUNDS = 512;
  private static final int CHAINS = 12;
  private static final int PIECES = 8;

  /** What the compiler needs to come to its best version, on a machine with nothing else to do. */
  static final long WARM_UP_NANOS = 400_000_000;

  /** Bytes read between two looks at the clock. */
  private static final long BLOCK = 64 * 1024;

  private PeakLoops() {}

  /** Operations a second of independent chains of fused multiply-adds. */
  static double arithmetic(long nanos) {
    long begin = System.nanoTime();
    long elapsed;
    long pieces = 0;
    float sum = 0;
    do {
      for (int piece = 0; piece < PIECES; piece++) {
        sum += chains(0.5f, 0.5f);
      }
      pieces += PIECES;
      elapsed = System.nanoTime() - begin;
    } while (elapsed < nanos);
    // The sum is finite; asking keeps the compiler from leaving the loop out.
    double operations = Float.isNaN(sum) ? 0 : 2.0 * CHAINS * ROUNDS * Lanes.COUNT * pieces;
    return operations * 1e9 / elapsed;
  }

  private static float chains(float factor, float term) {
    FloatVector f = FloatVector.broadcast(FLOATS, factor);
    FloatVector t = FloatVector.broadcast(FLOATS, term);
    FloatVector a = t;
    FloatVector b = t;
    FloatVector c = t;
    FloatVector d = t;
    FloatVector e = t;
    FloatVector g = t;
    FloatVector h = t;
    FloatVector i = t;
    FloatVector j = t;
    FloatVector k = t;
    FloatVector l = t;
    FloatVector m = t;
    for (int round = 0; round < ROUNDS; round++) {
      a = a.fma(f, t);
      b = b.fma(f, t);
      c = c.fma(f, t);
      d = d.fma(f, t);
      e = e.fma(f, t);
      g = g.fma(f, t);
      h = h.fma(f, t);
      i = i.fma(f, t);
      j = j.fma(f, t);
      k = k.fma(f, t);
      l = l.fma(f, t);
      m = m.fma(f, t);
    }
    FloatVector low = a.add(b).add(c.add(d)).add(e.add(g));
    FloatVector high = h.add(i).add(j.add(k)).add(l.add(m));
    return low.add(high).lane(0);
  }

  /** Bytes a second, going through the memory again and again. */
  static double reading(long address, long bytes, long nanos) {
    long blocks = bytes / BLOCK;
    if (blocks < 1) {
      return 0;
    }
    long begin = System.nanoTime();
    long elapsed;
    long done = 0;
    long block = 0;
    float sum = 0;
    do {
      for (int piece = 0; piece < PIECES; piece++) {
        sum += sum(address + block * BLOCK);
        block = block + 1 < blocks ? block + 1 : 0;
      }
      done += PIECES * BLOCK;
      elapsed = System.nanoTime() - begin;
    } while (elapsed < nanos);
    return Float.isNaN(sum) ? 0 : done * 1e9 / elapsed;
  }

  private static float sum(long block) {
    FloatVector a = FloatVector.zero(FLOATS);
    FloatVector b = a;
    FloatVector c = a;
    FloatVector d = a;
    for (long at = block; at < block + BLOCK; at += 4 * Lanes.BYTES) {
      a = a.add(FloatVector.fromMemorySegment(FLOATS, ALL, at, ORDER));
      b = b.add(FloatVector.fromMemorySegment(FLOATS, ALL, at + Lanes.BYTES, ORDER));
      c = c.add(FloatVector.fromMemorySegment(FLOATS, ALL, at + 2 * Lanes.BYTES, ORDER));
      d = d.add(FloatVector.fromMemorySegment(FLOATS, ALL, at + 3 * Lanes.BYTES, ORDER));
    }
    return a.add(b).add(c.add(d)).lane(0);
  }
}
