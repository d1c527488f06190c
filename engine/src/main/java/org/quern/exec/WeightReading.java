package org.quern.exec;

import java.lang.foreign.MemorySegment;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalDouble;
import org.quern.memory.Bytes;
import org.quern.memory.SlabAllocator;

/**
 * Measures how fast the workers read weights where they stand, each its share of the longest
 * stretch.
 */
final class WeightReading {
  private static final long NANOS = 20_000_000;

  /** Between weights of products there are those of norms, which are read along. */
  private static final long MOST_BETWEEN = 64 << 10;

  /** Shorter shares than this are a few blocks of the loop that reads. */
  private static final long LEAST_SHARE = 1 << 20;

  private final Walker walker;
  private final Workers workers;
  private final int tier;

  WeightReading(Walker walker, Workers workers, int tier) {
    this.walker = walker;
    this.workers = workers;
    this.tier = tier;
  }

  /** Bytes a second; empty where too few weights stand together. */
  OptionalDouble measure(List<MemorySegment> weights) {
    long from = 0;
    long to = 0;
    long bestFrom = 0;
    long bestTo = 0;
    List<MemorySegment> inOrder =
        weights.stream().sorted(Comparator.comparingLong(MemorySegment::address)).toList();
    for (MemorySegment each : inOrder) {
      if (each.address() - to > MOST_BETWEEN) {
        from = each.address();
      }
      to = Math.max(to, each.address() + each.byteSize());
      if (to - from > bestTo - bestFrom) {
        bestFrom = from;
        bestTo = to;
      }
    }
    long first = Bytes.align(bestFrom, SlabAllocator.ALIGNMENT);
    long lines = (bestTo - first) / SlabAllocator.ALIGNMENT;
    long share = lines / workers.count() * SlabAllocator.ALIGNMENT;
    if (share < LEAST_SHARE) {
      return OptionalDouble.empty();
    }
    return OptionalDouble.of(
        workers.rateOfAll(
            NANOS, worker -> walker.measureReading(tier, first + worker * share, share, NANOS)));
  }
}
