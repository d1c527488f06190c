package org.quern.ir.op;

import java.util.List;
import org.quern.ir.Cost;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Kernel;
import org.quern.ir.Node;
import org.quern.ir.Op;
import org.quern.ir.Parameter;
import org.quern.ir.RecordWriter;
import org.quern.ir.Shape;
import org.quern.ir.Value;

/**
 * The Euclidean norm of all gradients together, for clipping (Pascanu et al. 2013, algorithm 1). It
 * leaves the norm and the factor for the optimizer in the step block.
 *
 * <p>Input: partial sums of squares. Output: {@code [1]}.
 */
public record GradientNorm() implements Op {
  /** Appends the norm of the gradients of all parameters. */
  public static Value apply(Graph graph) {
    int blocks = 0;
    for (Parameter parameter : graph.layout().parameters()) {
      blocks += SquareSum.blocks(parameter.shape());
    }
    Value sums = graph.activation("square sums", DType.F32, Shape.of(blocks));
    int first = 0;
    for (Parameter parameter : graph.layout().parameters()) {
      Value gradient = graph.gradient(graph.parameter(parameter.name()));
      first += SquareSum.append(graph, gradient, sums, first).shape().last();
    }
    return graph.apply(new GradientNorm(), sums);
  }

  @Override
  public List<Output> outputs(List<Value> inputs) {
    Checks.f32(this, inputs.get(0));
    return List.of(Output.f32(Shape.of(1)));
  }

  @Override
  public Kernel kernel() {
    return Kernel.GRADIENT_NORM_F32;
  }

  @Override
  public void lower(Node node, RecordWriter record) {
    record.pointer(node.output(0));
    record.pointer(node.input(0));
    record.integer(node.input(0).shape().elements());
  }

  @Override
  public Cost cost(Node node) {
    return Cost.streaming(node, node.input(0).shape().elements());
  }

  /**
   * Sums of squares of blocks of {@value #BLOCK} elements. Input: any. Output: {@code [blocks]}.
   */
  public record SquareSum() implements Op {
    /** Elements that one sum covers, whatever the number of workers, so that bits stay the same. */
    public static final int BLOCK = 16384;

    /** How many sums there are for an operand of this shape. */
    public static int blocks(Shape shape) {
      return Math.toIntExact(Math.ceilDiv(shape.elements(), (long) BLOCK));
    }

    /** Appends the sums of {@code x} into {@code sums} from {@code first} on; returns that part. */
    public static Value append(Graph graph, Value x, Value sums, int first) {
      Value part = sums.slice(first, Shape.of(blocks(x.shape())));
      return graph.append(new SquareSum(), List.of(x), List.of(part)).output(0);
    }

    @Override
    public List<Output> outputs(List<Value> inputs) {
      Checks.f32(this, inputs.get(0));
      return List.of(Output.f32(Shape.of(blocks(inputs.get(0).shape()))));
    }

    @Override
    public Kernel kernel() {
      return Kernel.SQUARE_SUM_F32;
    }

    @Override
    public void lower(Node node, RecordWriter record) {
      record.pointer(node.output(0));
      record.pointer(node.input(0));
      record.integer(node.input(0).shape().elements());
    }

    @Override
    public Cost cost(Node node) {
      return Cost.streaming(node, 2 * node.input(0).shape().elements());
    }
  }
}
