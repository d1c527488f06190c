package org.quern.plan;

import java.util.Arrays;
import java.util.List;
import org.quern.ir.Graph;
import org.quern.ir.Node;
import org.quern.ir.Op;
import org.quern.ir.Region;
import org.quern.ir.Value;

/**
 * From which node to which each activation is needed, and which activations take over the memory of
 * another. Arrays are indexed by value id.
 */
final class Liveness {
  private final int[] first;
  private final int[] last;
  private final int[] owner;

  private Liveness(int values) {
    first = new int[values];
    last = new int[values];
    owner = new int[values];
    Arrays.fill(first, -1);
    Arrays.fill(last, -1);
    Arrays.setAll(owner, id -> id);
  }

  static Liveness of(Graph graph, Fusion fusion, boolean inPlace) {
    Liveness liveness = new Liveness(graph.values().size());
    for (Node node : graph.nodes()) {
      for (Value output : node.outputs()) {
        if (liveness.first[output.id()] < 0) {
          liveness.first[output.id()] = node.id();
        }
        liveness.last[output.id()] = node.id();
      }
      for (int index = 0; index < node.inputs().size(); index++) {
        Value input = node.input(index);
        if (!input.isNone()) {
          liveness.last[input.id()] = node.id();
          // A gradient is made by the first node that contributes to it.
          if (node.op().updates(index) && liveness.first[input.id()] < 0) {
            liveness.first[input.id()] = node.id();
          }
        }
      }
    }
    graph.outputs().values().forEach(value -> liveness.last[value.id()] = Integer.MAX_VALUE);
    if (inPlace) {
      graph.nodes().forEach(node -> liveness.takeOver(graph, fusion, node));
    }
    liveness.extend(fusion);
    return liveness;
  }

  /** Nodes that run as one need all their operands from the first of them to the last. */
  private void extend(Fusion fusion) {
    for (int id = 0; id < first.length; id++) {
      first[id] = first[id] < 0 ? first[id] : fusion.first(first[id]);
      last[id] = last[id] < 0 || last[id] == Integer.MAX_VALUE ? last[id] : fusion.last(last[id]);
    }
  }

  private void takeOver(Graph graph, Fusion fusion, Node node) {
    Op op = node.op();
    List<Value> outputs = node.outputs();
    boolean[] taken = new boolean[node.inputs().size()];
    for (int output = 0; output < outputs.size(); output++) {
      for (int index : op.inPlace(output)) {
        Value input = node.input(index);
        if (!taken[index]
            && mayTakeOver(node, index, outputs.get(output))
            && fusion.mayWrite(graph, node, input, this)) {
          taken[index] = true;
          int root = owner(input.id());
          owner[outputs.get(output).id()] = root;
          last[root] = Math.max(last[root], last[outputs.get(output).id()]);
          break;
        }
      }
    }
  }

  private boolean mayTakeOver(Node node, int index, Value output) {
    Value input = node.input(index);
    if (input.isNone()
        // Others write, or still need, the rest of what it is a part of.
        || isPart(input)
        || isPart(output)
        || first[output.id()] != node.id()
        || input.region() != Region.ACTIVATIONS
        || input.bytes() != output.bytes()
        || last[owner(input.id())] != node.id()) {
      return false;
    }
    for (int other = 0; other < node.inputs().size(); other++) {
      Value value = node.input(other);
      if (other != index && !value.isNone() && owner(value.id()) == owner(input.id())) {
        return false;
      }
    }
    return true;
  }

  private static boolean isPart(Value value) {
    return value.bytes() != value.root().bytes();
  }

  /** The value whose memory {@code id} has: itself, or the one it took over. */
  int owner(int id) {
    int root = id;
    while (owner[root] != root) {
      root = owner[root];
    }
    return root;
  }

  /** The node that makes the value, or the first part of it. */
  int first(int id) {
    return first[id];
  }

  /** The last node that needs the memory of the value, which owns it. */
  int last(int id) {
    return last[id];
  }
}
