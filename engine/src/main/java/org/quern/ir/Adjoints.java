package org.quern.ir;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.quern.ir.op.Add;

/**
 * Reverse-mode differentiation: walks a graph backwards and appends to it the nodes that compute
 * the gradient of one scalar. Activations' gradients are made by their only contribution or the sum
 * of several; parameters' gradients are operands that kernels add to, the first by assigning.
 */
public final class Adjoints {
  private final Graph graph;
  private final Map<Integer, Value> gradients = new HashMap<>();
  private final Set<Integer> wanted = new HashSet<>();

  private Adjoints(Graph graph) {
    this.graph = graph;
  }

  /**
   * Appends the backward pass of {@code loss}, the output of a node that starts its own gradient.
   *
   * @param complete what follows once a parameter's gradient is complete
   */
  static void append(Graph graph, Value loss, Consumer<Parameter> complete) {
    Adjoints adjoints = new Adjoints(graph);
    List<Node> forward = List.copyOf(graph.nodes());
    for (Node node : forward) {
      if (node.inputs().stream().anyMatch(adjoints::wants)) {
        node.outputs().forEach(output -> adjoints.wanted.add(output.id()));
      }
    }
    if (!adjoints.wants(loss)) {
      throw new GraphException("The loss depends on no parameter: there is nothing to train.");
    }
    Map<Integer, List<Value>> firstUses = firstUses(forward);
    List<Value> completed = List.of();
    for (Node node : forward.reversed()) {
      // What follows a complete gradient gives way to an elementwise node, which then stands right
      // after the product whose output it goes on with.
      if (!node.op().isElementwise()) {
        adjoints.report(completed, complete);
        completed = List.of();
      }
      boolean reached =
          node.outputs().stream()
              .anyMatch(output -> output.id() == loss.id() || adjoints.reaches(output));
      if (reached && node.inputs().stream().anyMatch(adjoints::wants)) {
        node.op().adjoint(node, adjoints);
      }
      adjoints.report(completed, complete);
      completed = firstUses.getOrDefault(node.id(), List.of());
    }
    adjoints.report(completed, complete);
  }

  private void report(List<Value> parameters, Consumer<Parameter> complete) {
    for (Value parameter : parameters) {
      if (graph.hasGradient(parameter)) {
        complete.accept(graph.layout().parameter(parameter.name()));
      }
    }
  }

  /** By node: the parameters that no node before it uses, and so none after it in reverse. */
  private static Map<Integer, List<Value>> firstUses(List<Node> forward) {
    Set<Integer> used = new HashSet<>();
    Map<Integer, List<Value>> uses = new HashMap<>();
    for (Node node : forward) {
      for (Value input : node.inputs()) {
        if (input.region() == Region.PARAMETERS && used.add(input.id())) {
          uses.computeIfAbsent(node.id(), id -> new ArrayList<>()).add(input.root());
        }
      }
    }
    return uses;
  }

  /** The graph that is appended to. */
  public Graph graph() {
    return graph;
  }

  /** Whether the gradient of {@code value} is needed. */
  public boolean wants(Value value) {
    return !value.isNone()
        && (value.region() == Region.PARAMETERS || wanted.contains(value.root().id()));
  }

  /** Whether the loss depends on {@code value}, so that {@link #of} has an answer. */
  public boolean reaches(Value value) {
    return gradients.containsKey(value.root().id());
  }

  /** The gradient of an activation that later nodes read, in the shape of {@code value}. */
  public Value of(Value value) {
    Value gradient = gradients.get(value.root().id());
    if (gradient == null) {
      throw new GraphException("The loss does not depend on " + value + ".");
    }
    return gradient.view(value.shape());
  }

  /** Adds a contribution to the gradient of an activation. */
  public void add(Value value, Value contribution) {
    Value shaped = contribution.view(value.root().shape());
    Value sum = gradients.get(value.root().id());
    gradients.put(value.root().id(), sum == null ? shaped : Add.apply(graph, sum, shaped));
  }

  /**
   * The accumulator that a kernel adds a parameter's gradient to; none for {@link Value#NONE}.
   *
   * @throws GraphException if {@code value} is not a parameter
   */
  public Value accumulator(Value value) {
    return value.isNone() ? Value.NONE : graph.gradient(value);
  }
}
