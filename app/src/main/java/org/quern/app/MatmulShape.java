package org.quern.app;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Initializer;
import org.quern.ir.Parameter;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Shape;
import org.quern.ir.Value;
import org.quern.ir.op.Matmul;
import org.quern.model.Gpt2Config;
import org.quern.model.LlamaConfig;
import org.quern.model.ModelConfig;

/**
 * A matrix product {@code [M, N] = [M, K] [K, N]} as a layer with weights {@code [in, out]} needs
 * it.
 *
 * @param kind which of a layer's products
 * @param m rows of the result
 * @param n columns of the result
 * @param k what is summed over
 */
record MatmulShape(Kind kind, int m, int n, int k) {
  private static final Pattern TEXT =
      Pattern.compile("(?:(forward|dx|dw):)?(\\d{1,6})x(\\d{1,6})x(\\d{1,6})");
  private static final String WEIGHT = "weight";

  /** Which operand of a layer's product is turned. */
  enum Kind {
    /** {@code y = x w}. */
    FORWARD,
    /** {@code dx = dy w^T}. */
    DX,
    /** {@code dw += x^T dy}. */
    DW
  }

  static MatmulShape parse(String text) {
    Matcher matcher = TEXT.matcher(text);
    if (!matcher.matches()) {
      throw new AppException(
          "The shape "
              + text
              + " is no product; write it as MxNxK, such as 256x3072x768, or with dx: or dw: before"
              + " it.");
    }
    String kind = matcher.group(1);
    MatmulShape shape =
        new MatmulShape(
            kind == null ? Kind.FORWARD : Kind.valueOf(kind.toUpperCase(Locale.ROOT)),
            Integer.parseInt(matcher.group(2)),
            Integer.parseInt(matcher.group(3)),
            Integer.parseInt(matcher.group(4)));
    if (shape.m < 1 || shape.n < 1 || shape.k < 1) {
      throw new AppException("The shape " + text + " has a side of 0; each must be 1 or more.");
    }
    return shape;
  }

  /** The products of a training step with so many rows, each shape once. */
  static List<MatmulShape> of(ModelConfig config, int rows) {
    int channels = config.channels();
    Set<MatmulShape> shapes = new LinkedHashSet<>();
    switch (config) {
      case Gpt2Config gpt2 -> {
        addInOut(shapes, rows, channels, 3 * channels);
        addInOut(shapes, rows, channels, channels);
        addInOut(shapes, rows, channels, gpt2.feedForward());
        addInOut(shapes, rows, gpt2.feedForward(), channels);
        addInOut(shapes, rows, channels, gpt2.vocabularySize());
      }
      case LlamaConfig llama -> {
        int queries = llama.heads() * llama.headSize();
        addOutIn(shapes, rows, channels, queries);
        addOutIn(shapes, rows, channels, llama.groups() * llama.headSize());
        addOutIn(shapes, rows, queries, channels);
        addOutIn(shapes, rows, channels, llama.feedForward());
        addOutIn(shapes, rows, llama.feedForward(), channels);
        addOutIn(shapes, rows, channels, llama.vocabularySize());
      }
    }
    return List.copyOf(shapes);
  }

  /** The products of a layer with weights {@code [in, out]}. */
  private static void addInOut(Set<MatmulShape> shapes, int rows, int in, int out) {
    shapes.add(new MatmulShape(Kind.FORWARD, rows, out, in));
    shapes.add(new MatmulShape(Kind.DX, rows, in, out));
    shapes.add(new MatmulShape(Kind.DW, in, out, rows));
  }

  /** The products of a layer with weights {@code [out, in]}: the same two, the other way round. */
  private static void addOutIn(Set<MatmulShape> shapes, int rows, int in, int out) {
    shapes.add(new MatmulShape(Kind.DX, rows, out, in));
    shapes.add(new MatmulShape(Kind.FORWARD, rows, in, out));
    shapes.add(new MatmulShape(Kind.DW, out, in, rows));
  }

  double flops() {
    return 2.0 * m * n * k;
  }

  /** The only parameter of {@link #graph}: a weight, or where the weight's gradient is added to. */
  ParameterLayout layout() {
    Shape shape =
        switch (kind) {
          case FORWARD -> Shape.of(k, n);
          case DX -> Shape.of(n, k);
          case DW -> Shape.of(m, n);
        };
    return new ParameterLayout(
        List.of(new Parameter(WEIGHT, shape, new Initializer.Normal(0.02f))));
  }

  /** The product alone. */
  Graph graph(ParameterLayout layout) {
    Graph graph = new Graph(layout);
    Value weight = graph.parameter(WEIGHT);
    switch (kind) {
      case FORWARD ->
          graph.output("y", Matmul.conv1d(graph, input(graph, "x", m, k), weight, Value.NONE));
      case DX ->
          graph.output(
              "dx", graph.apply(new Matmul.InputGradient(false), input(graph, "dy", m, k), weight));
      case DW ->
          graph.append(
              new Matmul.WeightGradient(false),
              List.of(input(graph, "dy", k, n), input(graph, "x", k, m), weight));
    }
    return graph;
  }

  private static Value input(Graph graph, String name, int rows, int columns) {
    return graph.input(name, DType.F32, Shape.of(rows, columns));
  }

  /** The inputs' names. */
  List<String> inputs() {
    return switch (kind) {
      case FORWARD -> List.of("x");
      case DX -> List.of("dy");
      case DW -> List.of("x", "dy");
    };
  }

  @Override
  public String toString() {
    return kind.name().toLowerCase(Locale.ROOT) + ":" + m + "x" + n + "x" + k;
  }
}
