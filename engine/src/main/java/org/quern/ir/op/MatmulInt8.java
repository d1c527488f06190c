package org.quern.ir.op;

import java.util.List;
import org.quern.ir.Cost;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.GraphException;
import org.quern.ir.Kernel;
import org.quern.ir.Node;
import org.quern.ir.Op;
import org.quern.ir.RecordWriter;
import org.quern.ir.Value;

/**
 * A product by weights of 8 bits, with bias: {@code out = x weight^T + bias}. Each group of a row
 * of weights has a scale, what its integers are multiples of ({@link org.quern.memory.Int8}); x is
 * rounded to 8 bits likewise as it is read, and the integers are multiplied and added up exactly
 * (symmetric quantization; Jacob et al. 2018, Dettmers et al. 2022). Weights are for inference: the
 * operation has no gradient.
 *
 * <p>Inputs: x {@code [..., K]}, F32; weight {@code [N, K]}, I8; scales {@code [N, groups]}, F32;
 * bias {@code [N]} or none. Output: {@code [..., N]}, F32.
 *
 * @param group how many neighbours in a row share a scale, the last of a row perhaps fewer: a
 *     multiple of 32, or K
 */
public record MatmulInt8(int group) implements Op {
  /** The longest row of weights; a worker's scratch memory holds as much of x. */
  public static final int MOST_INNER = 65_536;

  private static final int GROUP_UNIT = 32;

  /** An operation over groups of this size. */
  public MatmulInt8 {
    if (group < 1) {
      throw new GraphException("MatmulInt8: a group has at least one element, not " + group + ".");
    }
  }

  /** Appends {@code x weight^T + bias}. */
  public static Value linear(
      Graph graph, Value x, Value weight, Value scales, Value bias, int group) {
    return graph.apply(new MatmulInt8(group), x, weight, scales, bias);
  }

  @Override
  public List<Output> outputs(List<Value> inputs) {
    Value x = inputs.get(0);
    Value weight = inputs.get(1);
    Value scales = inputs.get(2);
    Value bias = inputs.get(3);
    Checks.f32(this, x, scales, bias);
    Checks.type(this, "the weight", weight, DType.I8);
    Checks.that(weight.shape().rank() == 2, this, "the weight must be a matrix", weight);
    int columns = weight.shape().dimension(0);
    int inner = weight.shape().dimension(1);
    Checks.that(
        inner > 0 && inner <= MOST_INNER,
        this,
        "rows of the weight must have 1 to " + MOST_INNER + " elements",
        weight);
    Checks.that(
        group % GROUP_UNIT == 0 || group == inner,
        this,
        "a group must be a multiple of " + GROUP_UNIT + " or a whole row, not " + group,
        weight);
    Checks.that(x.shape().last() == inner, this, "x must have rows of " + inner, x);
    Checks.elements(this, "scales", scales, (long) columns * groups(inner));
    Checks.optionalElements(this, "bias", bias, columns);
    return List.of(Output.f32(x.shape().withLast(columns)));
  }

  private int groups(int inner) {
    return Math.ceilDiv(inner, group);
  }

  @Override
  public Kernel kernel() {
    return Kernel.MATMUL_INT8;
  }

  @Override
  public void lower(Node node, RecordWriter record) {
    Value x = node.input(0);
    Value out = node.output(0);
    int inner = x.shape().last();
    record.pointer(out);
    record.pointer(x);
    record.pointer(node.input(1));
    record.pointer(node.input(3));
    record.pointer(node.input(2));
    record.integers(
        x.shape().rows(), out.shape().last(), inner, inner, inner, out.shape().last(), group);
  }

  @Override
  public Cost cost(Node node) {
    Value out = node.output(0);
    return Cost.streaming(node, 2 * out.shape().elements() * node.input(0).shape().last());
  }
}
