package org.quern.plan;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Node;
import org.quern.ir.Region;
import org.quern.ir.Value;
import org.quern.ir.op.Matmul;

/**
 * Which nodes run as one: a product, a norm or its backward, dropout or a residual sum, and the
 * elementwise nodes right after it that go on with what it makes; where it makes whole rows, norms
 * too. Its kernel has them done block by block, while a block is in the cache, and the workers need
 * not meet in between.
 *
 * <p>Such a row is like one node to the planner: all its operands are needed from its first node to
 * its last. A node after the first may make its output in the memory of an operand only if the
 * first node does not read that, or reads no more of it than what it makes.
 */
final class Fusion {
  private final int[] first;
  private final int[] last;

  private Fusion(int nodes) {
    first = new int[nodes];
    Arrays.setAll(first, node -> node);
    last = first.clone();
  }

  /** No node with another. */
  static Fusion none(Graph graph) {
    return new Fusion(graph.nodes().size());
  }

  static Fusion of(Graph graph, boolean all) {
    Fusion fusion = none(graph);
    List<Node> nodes = graph.nodes();
    for (int head = 0; head < nodes.size(); head = fusion.last[head] + 1) {
      if (leads(nodes.get(head))) {
        int end = head;
        for (int next = head + 1; next < nodes.size() && fits(nodes, head, next); next++) {
          if (readsRow(nodes, head, next)) {
            end = next;
          }
        }
        if (all || pays(nodes.subList(head, end + 1))) {
          Arrays.fill(fusion.first, head, end + 1, head);
          Arrays.fill(fusion.last, head, end + 1, end);
        }
      }
    }
    return fusion;
  }

  /**
   * Whether a row is better done as one: where the barriers count, as in writing a token, where a
   * norm follows, or where what follows rounds or widens activations: nothing but ways through
   * memory.
   */
  private static boolean pays(List<Node> row) {
    return row.getFirst().output(0).shape().rows() <= Matmul.FEW_ROWS
        || row.stream().skip(1).anyMatch(node -> node.op().isRowwise() || roundsOrWidens(node));
  }

  private static boolean roundsOrWidens(Node node) {
    return Stream.concat(node.inputs().stream(), node.outputs().stream())
        .anyMatch(value -> value.dtype() == DType.BF16 && value.region() == Region.ACTIVATIONS);
  }

  private static boolean leads(Node node) {
    return node.op().fusesElementwise() && !node.onUpdate() && isWhole(node.output(0));
  }

  private static boolean fits(List<Node> nodes, int head, int index) {
    Node node = nodes.get(index);
    Value made = nodes.get(head).output(0);
    if (node.onUpdate()) {
      return false;
    }
    if (node.op().isRowwise() && nodes.get(head).op().fusesRowwise()) {
      return node.input(0).shape().last() == made.shape().last()
          && fits(node.input(0), made)
          && fits(node.output(0), made);
    }
    return node.op().isElementwise()
        && node.inputs().stream().allMatch(input -> fits(input, made))
        && node.outputs().stream().allMatch(output -> fits(output, made));
  }

  private static boolean fits(Value value, Value made) {
    return !value.isNone()
        && value.region() == Region.ACTIVATIONS
        && value.shape().elements() == made.shape().elements()
        && isWhole(value);
  }

  /** Whether a node reads what the row makes; others join only where such a node comes after. */
  private static boolean readsRow(List<Node> nodes, int head, int index) {
    return nodes.get(index).inputs().stream()
        .anyMatch(input ->
            nodes.get(head).output(0).id() == input.id()
                || nodes.subList(head + 1, index).stream()
                    .flatMap(node -> node.outputs().stream())
                    .anyMatch(output -> output.id() == input.id()));
  }

  private static boolean isWhole(Value value) {
    return value.bytes() == value.root().bytes();
  }

  /** The first node of the row that a node is in; itself where it is alone. */
  int first(int node) {
    return first[node];
  }

  /** The last node of the row that a node is in; itself where it is alone. */
  int last(int node) {
    return last[node];
  }

  /**
   * Whether {@code node} may make an output where {@code operand} is, given that it may by itself:
   * not where the first of its row reads the same memory, unless that, too, could write there: it
   * has then read what is overwritten.
   */
  boolean mayWrite(Graph graph, Node node, Value operand, Liveness liveness) {
    if (first[node.id()] == node.id()) {
      return true;
    }
    Node head = graph.nodes().get(first[node.id()]);
    int[] overwritable = head.op().inPlace(0);
    return IntStream.range(0, head.inputs().size())
        .filter(index -> !head.input(index).isNone())
        .filter(index -> Arrays.stream(overwritable).noneMatch(allowed -> allowed == index))
        .noneMatch(index -> liveness.owner(head.input(index).id()) == liveness.owner(operand.id()));
  }

  /** Whether the record of {@code node} is fused with the one after it. */
  boolean goesOn(Node node) {
    return last[node.id()] > node.id();
  }
}
