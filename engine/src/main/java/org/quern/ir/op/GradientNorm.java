package org.quern.ir.op;

import java.util.List;
import org.quern.ir.Cost;
import org.quern.ir.Graph;
import org.quern.ir.Kernel;
import org.quern.ir.Node;
import org.quern.ir.Op;
import org.quern.ir.RecordWriter;
import org.quern.ir.Region;
import org.quern.ir.Shape;
import org.quern.ir.Value;

/**
 * The Euclidean norm of all gradients together, for clipping (Pascanu et al. 2013, algorithm 1). It
 * leaves the norm and the factor for the optimizer in the step block.
 *
 * <p>Input: partial sums of squares. Output: {@code [1]}.
 */
public record GradientNorm() implements Op {
  /** Appends the norm of the whole region of gradients. */
  public static Value apply(Graph graph) {
    Value sums = graph.apply(new SquareSum(), graph.modelRegion(Region.GRADIENTS));
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

    @Override
    public List<Output> outputs(List<Value> inputs) {
      Checks.f32(this, inputs.get(0));
      long blocks = Math.ceilDiv(inputs.get(0).shape().elements(), (long) BLOCK);
      return List.of(Output.f32(Shape.of(Math.toIntExact(blocks))));
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
