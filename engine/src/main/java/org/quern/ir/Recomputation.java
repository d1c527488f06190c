package org.quern.ir;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Activation checkpointing by blocks (Chen et al. 2016, "Training deep nets with sublinear memory
 * cost"): of what a block ({@link Graph#block}) makes, only what the forward pass needs outside of
 * it is kept, which is the input of the next. The rest is made again right before the backward pass
 * first reads it, by copies of the same nodes, which give the same bits: dropout draws from the
 * same stream. What the backward pass does not read is not made again.
 */
final class Recomputation {
  private static final int NO_BLOCK = -1;

  private final Graph graph;
  private final List<Node> nodes;
  private final int backward;
  private final int blockCount;

  /** By value: the node of a block that makes it, if it may be made again. */
  private final Map<Integer, Node> producers = new HashMap<>();

  /** By node: the number of its block, or {@value #NO_BLOCK}. */
  private final int[] blocks;

  /** By value: its copy. */
  private final Map<Integer, Value> copies = new HashMap<>();

  private Recomputation(Graph graph, int backward, List<Graph.Range> ranges) {
    this.graph = graph;
    this.nodes = List.copyOf(graph.nodes());
    this.backward = backward;
    this.blockCount = ranges.size();
    this.blocks = new int[nodes.size()];
    Arrays.fill(blocks, NO_BLOCK);
  }

  /**
   * The nodes of a differentiated graph with those that recompute among them.
   *
   * @param backward the first node of the backward pass
   * @param ranges the nodes of each block, from the first to one past the last
   */
  static List<Node> apply(Graph graph, int backward, List<Graph.Range> ranges) {
    Recomputation made = new Recomputation(graph, backward, ranges);
    made.findProducers(ranges);
    return made.rewrite(made.needed());
  }

  private void findProducers(List<Graph.Range> ranges) {
    for (int block = 0; block < ranges.size(); block++) {
      for (int id = ranges.get(block).first(); id < ranges.get(block).end(); id++) {
        Node node = nodes.get(id);
        blocks[id] = block;
        if (isRepeatable(node)) {
          node.outputs().forEach(output -> producers.put(output.id(), node));
        }
      }
    }
    for (Node node : nodes.subList(0, backward)) {
      for (Value input : node.inputs()) {
        Node producer = producers.get(input.id());
        if (producer != null && blocks[producer.id()] != blocks[node.id()]) {
          producers.remove(input.id());
        }
      }
    }
    graph.outputs().values().forEach(output -> producers.remove(output.id()));
  }

  /** Whether nothing but its own outputs, each with memory of its own, is changed by a node. */
  private static boolean isRepeatable(Node node) {
    for (int index = 0; index < node.inputs().size(); index++) {
      if (node.op().updates(index) && !node.input(index).isNone()) {
        return false;
      }
    }
    return node.outputs().stream().allMatch(output -> output.root() == output);
  }

  /** By block: the nodes to repeat, in their order. */
  private List<List<Node>> needed() {
    Set<Node> repeated = new HashSet<>();
    for (Node node : nodes.subList(backward, nodes.size())) {
      node.inputs().forEach(input -> need(input, repeated));
    }
    List<List<Node>> needed = new ArrayList<>();
    for (int block = 0; block < blockCount; block++) {
      needed.add(new ArrayList<>());
    }
    for (Node node : nodes.subList(0, backward)) {
      if (repeated.contains(node)) {
        needed.get(blocks[node.id()]).add(node);
      }
    }
    return needed;
  }

  private void need(Value value, Set<Node> repeated) {
    Node producer = producers.get(value.id());
    if (producer != null && repeated.add(producer)) {
      producer.inputs().forEach(input -> need(input, repeated));
    }
  }

  private List<Node> rewrite(List<List<Node>> needed) {
    List<Node> order = new ArrayList<>(nodes.subList(0, backward));
    for (Node node : nodes.subList(backward, nodes.size())) {
      for (Value input : node.inputs()) {
        Node producer = producers.get(input.id());
        if (producer != null) {
          List<Node> block = needed.get(blocks[producer.id()]);
          block.forEach(original -> order.add(repeat(original, order.size())));
          block.clear();
        }
      }
      order.add(
          new Node(
              order.size(),
              node.op(),
              copied(node.inputs()),
              node.outputs(),
              node.onUpdate(),
              node.assigned()));
    }
    return order;
  }

  private Node repeat(Node node, int id) {
    List<Value> inputs = copied(node.inputs());
    List<Value> outputs = new ArrayList<>();
    for (Value output : node.outputs()) {
      Value copy = graph.activation(output.name(), output.dtype(), output.shape());
      outputs.add(copy);
      // What is kept is read where it is.
      if (producers.containsKey(output.id())) {
        copies.put(output.id(), copy);
      }
    }
    return new Node(id, node.op(), inputs, outputs, false, Set.of());
  }

  private List<Value> copied(List<Value> values) {
    return values.stream()
        .map(value -> {
          Value copy = copies.get(value.id());
          return copy == null ? value : value.in(copy);
        })
        .toList();
  }
}
