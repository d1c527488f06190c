package org.quern.plan;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.quern.ir.Graph;
import org.quern.ir.Region;
import org.quern.ir.Value;
import org.quern.memory.Bytes;
import org.quern.memory.SlabAllocator;

/**
 * The place of each value in its region, in bytes. Activations share memory where their lives do
 * not overlap: the largest is placed first, each at the lowest offset that is free for its whole
 * life (Pisarchyk and Lee 2020, greedy by size).
 */
final class MemoryPlan {
  private static final long PAGE = 4096;

  private final long[] offsets;
  private final Map<Region, Long> sizes = new EnumMap<>(Region.class);
  private final List<Long> guards = new ArrayList<>();

  private MemoryPlan(int values) {
    offsets = new long[values];
    Arrays.fill(offsets, -1);
  }

  static MemoryPlan of(Graph graph, Fusion fusion, boolean guarded) {
    MemoryPlan plan = new MemoryPlan(graph.values().size());
    for (Region region : List.of(Region.CACHE, Region.CONSTANTS, Region.IO)) {
      plan.placeInOrder(graph, region);
    }
    Liveness liveness = Liveness.of(graph, fusion, !guarded);
    if (guarded) {
      plan.placeGuarded(graph);
    } else {
      plan.placeActivations(graph, liveness);
    }
    return plan;
  }

  private void placeInOrder(Graph graph, Region region) {
    long end = 0;
    for (Value value : graph.values()) {
      if (value.region() == region) {
        offsets[value.id()] = end;
        end = Bytes.align(end + value.bytes(), SlabAllocator.ALIGNMENT);
      }
    }
    sizes.put(region, end);
  }

  private void placeGuarded(Graph graph) {
    long end = 0;
    for (Value value : graph.values()) {
      if (value.region() == Region.ACTIVATIONS) {
        long guard = Bytes.align(end + value.bytes(), PAGE);
        offsets[value.id()] = guard - value.bytes();
        guards.add(guard);
        end = guard + PAGE;
      }
    }
    sizes.put(Region.ACTIVATIONS, end);
  }

  private record Placed(long start, long end, int first, int last) {}

  // Comparator's own are serializable, which keeps them out of a cache of classes.
  private static int largestFirst(Value one, Value other) {
    int order = Long.compare(other.bytes(), one.bytes());
    return order == 0 ? Integer.compare(one.id(), other.id()) : order;
  }

  private void placeActivations(Graph graph, Liveness liveness) {
    List<Value> owners =
        graph.values().stream()
            .filter(value -> value.region() == Region.ACTIVATIONS)
            .filter(value -> liveness.owner(value.id()) == value.id())
            .sorted(MemoryPlan::largestFirst)
            .toList();
    List<Placed> placed = new ArrayList<>();
    long size = 0;
    for (Value value : owners) {
      int first = liveness.first(value.id());
      int last = liveness.last(value.id());
      long bytes = Bytes.align(value.bytes(), SlabAllocator.ALIGNMENT);
      long start = lowestFree(placed, first, last, bytes);
      placed.add(new Placed(start, start + bytes, first, last));
      placed.sort((one, other) -> Long.compare(one.start(), other.start()));
      offsets[value.id()] = start;
      size = Math.max(size, start + bytes);
    }
    for (Value value : graph.values()) {
      if (value.region() == Region.ACTIVATIONS) {
        offsets[value.id()] = offsets[liveness.owner(value.id())];
      }
    }
    sizes.put(Region.ACTIVATIONS, size);
  }

  private static long lowestFree(List<Placed> placed, int first, int last, long bytes) {
    long start = 0;
    for (Placed other : placed) {
      boolean alive = other.first() <= last && first <= other.last();
      if (alive && other.start() < start + bytes && start < other.end()) {
        start = other.end();
      }
    }
    return start;
  }

  /** Where the value starts in its region, in bytes. */
  long offset(Value value) {
    long start = value.offset() * value.dtype().bytes();
    return value.region().isModel() ? start : offsets[value.id()] + start;
  }

  /** The size of a region that the plan lays out, in bytes. */
  long bytes(Region region) {
    return sizes.getOrDefault(region, 0L);
  }

  /** Offsets of the pages among the activations that nothing may touch. */
  List<Long> guards() {
    return guards;
  }
}
