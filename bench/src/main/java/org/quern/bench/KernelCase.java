package org.quern.bench;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.quern.ir.Cost;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Initializer;
import org.quern.ir.Kernel;
import org.quern.ir.Node;
import org.quern.ir.Parameter;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Precision;
import org.quern.ir.Shape;
import org.quern.ir.Value;

/**
 * One operation at one size, as a program of its own.
 *
 * @param model the model that has this size
 * @param shape the sizes that tell the cases of an operation apart
 * @param parameters what the operation has of a model
 * @param build appends the operation
 * @param ids the inputs of ids and labels are below this
 * @param start what each input of starts is
 * @param decoding whether it is a part of writing, which reads weights as the precision has them
 */
record KernelCase(
    String model,
    String shape,
    List<Parameter> parameters,
    Consumer<Graph> build,
    int ids,
    int start,
    boolean decoding) {
  /** The input that has a start for each sequence. */
  static final String STARTS = "starts";

  /** The operation as profiles call it, the model, and the sizes. */
  String name() {
    return operation() + " " + model + " " + shape;
  }

  String operation() {
    return node().op().name();
  }

  ParameterLayout layout() {
    return new ParameterLayout(parameters);
  }

  /** The operation alone, over weights of this precision where it is a part of writing. */
  Graph graph(ParameterLayout layout, Precision precision) {
    Graph graph = new Graph(layout, (decoding ? precision : Precision.F32).weights());
    build.accept(graph);
    return graph;
  }

  private Node node() {
    return graph(layout(), Precision.F32).nodes().getFirst();
  }

  Cost cost(Precision precision) {
    Node node = graph(layout(), precision).nodes().getFirst();
    return node.op().cost(node);
  }

  /** What computes it in F32. */
  Kernel kernel() {
    return node().op().kernel();
  }

  boolean matches(String part) {
    return name().toLowerCase(Locale.ROOT).contains(part.toLowerCase(Locale.ROOT));
  }

  static Parameter parameter(String name, int... sizes) {
    return new Parameter(name, Shape.of(sizes), new Initializer.Normal(1));
  }

  static Value input(Graph graph, String name, int... sizes) {
    return graph.input(name, DType.F32, Shape.of(sizes));
  }

  static Value rounded(Graph graph, String name, int... sizes) {
    return graph.input(name, DType.BF16, Shape.of(sizes));
  }

  static Value integers(Graph graph, String name, int... sizes) {
    return graph.input(name, DType.I32, Shape.of(sizes));
  }

  /** As in {@code 4x64x768}. */
  static String sizes(int... sizes) {
    return Arrays.stream(sizes).mapToObj(Integer::toString).collect(Collectors.joining("x"));
  }
}
