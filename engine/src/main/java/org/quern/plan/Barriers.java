package org.quern.plan;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.quern.ir.Graph;
import org.quern.ir.Node;
import org.quern.ir.Region;
import org.quern.ir.Value;

/**
 * After which nodes the workers must meet: where a later one reads what an earlier wrote, or writes
 * what an earlier read or wrote, and none stands between them yet. Workers meet after a node that a
 * run leaves out, too. Nodes that run as one count as one; that workers meet between them is for
 * walkers that do not fuse.
 */
final class Barriers {
  private record Range(Region region, long start, long end) {
    boolean overlaps(Range other) {
      return region == other.region && start < other.end && other.start < end;
    }
  }

  private final MemoryPlan memory;
  private final List<Range> reads = new ArrayList<>();
  private final List<Range> writes = new ArrayList<>();

  private Barriers(MemoryPlan memory) {
    this.memory = memory;
  }

  static boolean[] of(Graph graph, Fusion fusion, MemoryPlan memory) {
    return new Barriers(memory).scan(graph, fusion);
  }

  private boolean[] scan(Graph graph, Fusion fusion) {
    boolean[] after = new boolean[graph.nodes().size()];
    int previous = -1;
    for (int first = 0; first < after.length; first = previous + 1) {
      List<Range> nodeReads = new ArrayList<>();
      List<Range> nodeWrites = new ArrayList<>();
      int last = fusion.last(first);
      graph.nodes().subList(first, last + 1).forEach(node -> collect(node, nodeReads, nodeWrites));
      Arrays.fill(after, first, last, true);
      if (previous >= 0
          && (overlap(nodeReads, writes)
              || overlap(nodeWrites, writes)
              || overlap(nodeWrites, reads))) {
        after[previous] = true;
        reads.clear();
        writes.clear();
      }
      reads.addAll(nodeReads);
      writes.addAll(nodeWrites);
      previous = last;
    }
    return after;
  }

  private void collect(Node node, List<Range> nodeReads, List<Range> nodeWrites) {
    for (int index = 0; index < node.inputs().size(); index++) {
      Value input = node.input(index);
      if (!input.isNone()) {
        (node.op().updates(index) ? nodeWrites : nodeReads).add(range(input));
      }
    }
    node.outputs().forEach(output -> nodeWrites.add(range(output)));
  }

  private Range range(Value value) {
    long start = memory.offset(value);
    return new Range(value.region(), start, start + value.bytes());
  }

  private static boolean overlap(List<Range> some, List<Range> others) {
    for (Range range : some) {
      for (Range other : others) {
        if (range.overlaps(other)) {
          return true;
        }
      }
    }
    return false;
  }
}
