package org.quern.ir;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.quern.ir.Op.Reading;
import org.quern.ir.op.Round;

/**
 * Keeps what the backward pass reads of the forward pass in BF16, where every operation that reads
 * it allows that ({@link Op#reading}): mixed precision's activations (Micikevicius et al. 2018). A
 * value is rounded right after it is made, and both passes read the rounded numbers, so that
 * gradients are those of what was computed. Who reads BF16 has it as it is kept; the others have
 * the numbers as F32, in the forward pass in the memory where they were made, in the backward pass
 * widened just before they are read.
 */
final class RoundedActivations {
  /**
   * What is kept of a value, and the same numbers as F32 for the forward pass, if it needs them.
   */
  private record Kept(Value bf16, Value f32) {}

  private final Graph graph;
  private final int backward;
  private final Set<Integer> candidates = new HashSet<>();
  private final Set<Integer> readAsF32 = new HashSet<>();
  private final Map<Integer, Kept> kept = new HashMap<>();
  private final List<Node> order = new ArrayList<>();

  /** By node: its place now, or that of what stands before it. */
  private final int[] places;

  private RoundedActivations(Graph graph, int backward) {
    this.graph = graph;
    this.backward = backward;
    this.places = new int[graph.nodes().size() + 1];
  }

  /**
   * The nodes of a differentiated graph with those that round and widen among them.
   *
   * @param backward the first node of the backward pass
   */
  static RoundedActivations of(Graph graph, int backward) {
    RoundedActivations made = new RoundedActivations(graph, backward);
    made.findCandidates(graph.outputs().values());
    made.rewrite();
    return made;
  }

  private void findCandidates(Collection<Value> outputs) {
    List<Node> nodes = graph.nodes();
    for (Node node : nodes.subList(0, backward)) {
      for (Value output : node.outputs()) {
        if (output.dtype() == DType.F32 && output.root() == output) {
          candidates.add(output.id());
        }
      }
    }
    Set<Integer> readBackward = new HashSet<>();
    for (Node node : nodes) {
      for (int index = 0; index < node.inputs().size(); index++) {
        Value input = node.input(index);
        Reading reading = node.op().reading(index);
        if (reading == Reading.EXACT || input.bytes() != input.root().bytes()) {
          candidates.remove(input.id());
        }
        if (node.id() >= backward) {
          readBackward.add(input.id());
        } else if (reading == Reading.ROUNDED) {
          readAsF32.add(input.id());
        }
      }
    }
    candidates.retainAll(readBackward);
    outputs.forEach(output -> candidates.remove(output.id()));
  }

  private void rewrite() {
    for (Node node : graph.nodes()) {
      places[node.id()] = order.size();
      List<Value> inputs = new ArrayList<>();
      for (int index = 0; index < node.inputs().size(); index++) {
        inputs.add(operand(node, index));
      }
      add(node.op(), inputs, node.outputs(), node.onUpdate(), node.assigned());
      node.outputs().stream()
          .filter(output -> candidates.contains(output.id()))
          .forEach(this::keep);
    }
    places[graph.nodes().size()] = order.size();
  }

  private void keep(Value value) {
    Round round = new Round(readAsF32.contains(value.id()));
    List<Value> made = append(round, value, false);
    kept.put(value.id(), new Kept(made.getFirst(), made.getLast()));
  }

  private Value operand(Node node, int index) {
    Value input = node.input(index);
    Kept instead = kept.get(input.id());
    if (instead == null) {
      return input;
    }
    if (node.op().reading(index) == Reading.BF16) {
      return input.in(instead.bf16());
    }
    return input.in(
        node.id() < backward
            ? instead.f32()
            : append(new Round.Widen(), instead.bf16(), node.onUpdate()).getFirst());
  }

  private List<Value> append(Op op, Value input, boolean onUpdate) {
    List<Value> outputs =
        op.outputs(List.of(input)).stream()
            .map(output -> graph.activation(input.name(), output.dtype(), output.shape()))
            .toList();
    add(op, List.of(input), outputs, onUpdate, Set.of());
    return outputs;
  }

  private void add(
      Op op, List<Value> inputs, List<Value> outputs, boolean onUpdate, Set<Integer> assigned) {
    order.add(new Node(order.size(), op, inputs, outputs, onUpdate, assigned));
  }

  /** The nodes in their order. */
  List<Node> nodes() {
    return order;
  }

  /** Where a node, or one past the last, stands now with what belongs before it. */
  int place(int node) {
    return places[node];
  }
}
