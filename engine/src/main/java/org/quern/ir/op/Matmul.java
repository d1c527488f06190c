package org.quern.ir.op;

import java.util.List;
import org.quern.ir.Adjoints;
import org.quern.ir.Cost;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Kernel;
import org.quern.ir.Node;
import org.quern.ir.Op;
import org.quern.ir.RecordWriter;
import org.quern.ir.Region;
import org.quern.ir.Shape;
import org.quern.ir.Value;

/**
 * A matrix product with bias: {@code out = x op(weight) + bias}, a row of x being its innermost
 * dimension.
 *
 * <p>Inputs: x {@code [..., K]} and weight, each F32 or BF16, bias {@code [N]} or none. Output:
 * {@code [..., N]}.
 *
 * @param transposed whether weight is {@code [N, K]}, as in PyTorch's Linear; else it is {@code [K,
 *     N]}, as in GPT-2's Conv1D
 */
public record Matmul(boolean transposed) implements Op {
  private static final int TRANSPOSE_A = 1;
  private static final int TRANSPOSE_B = 2;
  private static final int ACCUMULATE = 4;
  static final int STORED_BF16 = 8;
  private static final int STORED_A_BF16 = 16;

  /**
   * Rows up to which a product of floats is bound by reading its weights and, in BF16 too, rounds
   * nothing ({@code QUERN_FEW_ROWS}).
   */
  public static final int FEW_ROWS = 8;

  private static int stored(Value a, Value b) {
    return (a.dtype() == DType.BF16 ? STORED_A_BF16 : 0)
        | (b.dtype() == DType.BF16 ? STORED_BF16 : 0);
  }

  /** Appends {@code x weight^T + bias}, weight {@code [out, in]}. */
  public static Value linear(Graph graph, Value x, Value weight, Value bias) {
    return graph.apply(new Matmul(true), x, weight, bias);
  }

  /**
   * Appends {@code x weight + bias}, weight {@code [in, out]}, or its rounded copy {@code [out,
   * in]}.
   */
  public static Value conv1d(Graph graph, Value x, Value weight, Value bias) {
    boolean transposed = weight.region() == Region.ROUNDED_PARAMETERS;
    return graph.apply(new Matmul(transposed), x, weight, bias);
  }

  @Override
  public List<Output> outputs(List<Value> inputs) {
    Value x = inputs.get(0);
    Value weight = inputs.get(1);
    Checks.f32(this, inputs.get(2));
    for (Value factor : List.of(x, weight)) {
      Checks.that(
          factor.dtype() == DType.F32 || factor.dtype() == DType.BF16,
          this,
          "x and weight must be F32 or BF16",
          factor);
    }
    Checks.that(weight.shape().rank() == 2, this, "the weight must be a matrix", weight);
    int inner = weight.shape().dimension(transposed ? 1 : 0);
    int columns = weight.shape().dimension(transposed ? 0 : 1);
    Checks.that(x.shape().last() == inner, this, "x must have rows of " + inner, x);
    Checks.optionalElements(this, "bias", inputs.get(2), columns);
    return List.of(Output.f32(x.shape().withLast(columns)));
  }

  @Override
  public Kernel kernel() {
    return Kernel.MATMUL_F32;
  }

  @Override
  public Reading reading(int index) {
    return index < 2 ? Reading.BF16 : Reading.EXACT;
  }

  @Override
  public boolean fusesElementwise() {
    return true;
  }

  @Override
  public void lower(Node node, RecordWriter record) {
    Value x = node.input(0);
    Value weight = node.input(1);
    Value out = node.output(0);
    record.pointer(out);
    record.pointer(x);
    record.pointer(weight);
    record.pointer(node.input(2));
    record.integers(
        x.shape().rows(),
        out.shape().last(),
        x.shape().last(),
        x.shape().last(),
        weight.shape().last(),
        out.shape().last(),
        (transposed ? TRANSPOSE_B : 0) | stored(x, weight));
  }

  @Override
  public Cost cost(Node node) {
    Value out = node.output(0);
    return Cost.streaming(node, 2 * out.shape().elements() * node.input(0).shape().last());
  }

  @Override
  public void adjoint(Node node, Adjoints adjoints) {
    Graph graph = adjoints.graph();
    Value x = node.input(0);
    Value weight = node.input(1);
    Value bias = node.input(2);
    Value gradient = adjoints.of(node.output(0));
    if (adjoints.wants(weight)) {
      graph.append(
          new WeightGradient(transposed), List.of(gradient, x, adjoints.accumulator(weight)));
    }
    if (adjoints.wants(bias)) {
      graph.append(new ColumnSum(), List.of(gradient, adjoints.accumulator(bias)));
    }
    if (adjoints.wants(x)) {
      adjoints.add(x, graph.apply(new InputGradient(transposed), gradient, weight));
    }
  }

  /**
   * {@code dx = dout op(weight)^T}. Inputs: dout {@code [..., N]}, weight, F32 or BF16. Output:
   * {@code [..., K]}.
   *
   * @param transposed as in {@link Matmul}
   */
  public record InputGradient(boolean transposed) implements Op {
    @Override
    public List<Output> outputs(List<Value> inputs) {
      int inner = inputs.get(1).shape().dimension(transposed ? 1 : 0);
      return List.of(Output.f32(inputs.get(0).shape().withLast(inner)));
    }

    @Override
    public Kernel kernel() {
      return Kernel.MATMUL_F32;
    }

    @Override
    public Reading reading(int index) {
      return index == 1 ? Reading.BF16 : Reading.EXACT;
    }

    @Override
    public boolean fusesElementwise() {
      return true;
    }

    @Override
    public void lower(Node node, RecordWriter record) {
      Value gradient = node.input(0);
      Value weight = node.input(1);
      Value out = node.output(0);
      record.pointer(out);
      record.pointer(gradient);
      record.pointer(weight);
      record.pointer(Value.NONE);
      record.integers(
          gradient.shape().rows(),
          out.shape().last(),
          gradient.shape().last(),
          gradient.shape().last(),
          weight.shape().last(),
          out.shape().last(),
          (transposed ? 0 : TRANSPOSE_B) | stored(gradient, weight));
    }

    @Override
    public Cost cost(Node node) {
      Value out = node.output(0);
      return Cost.streaming(node, 2 * out.shape().elements() * node.input(0).shape().last());
    }
  }

  /**
   * {@code dweight += dout^T x} (transposed weight) or {@code x^T dout}. Inputs: dout {@code [...,
   * N]}, x {@code [..., K]}, F32 or BF16, accumulator of the weight.
   *
   * @param transposed as in {@link Matmul}
   */
  public record WeightGradient(boolean transposed) implements Op {
    @Override
    public List<Output> outputs(List<Value> inputs) {
      return List.of();
    }

    @Override
    public Kernel kernel() {
      return Kernel.MATMUL_F32;
    }

    @Override
    public boolean updates(int index) {
      return index == 2;
    }

    @Override
    public Reading reading(int index) {
      return index == 1 ? Reading.BF16 : Reading.EXACT;
    }

    @Override
    public void lower(Node node, RecordWriter record) {
      Value a = node.input(transposed ? 0 : 1);
      Value b = node.input(transposed ? 1 : 0);
      Shape shape = node.input(2).shape();
      record.pointer(node.input(2));
      record.pointer(a);
      record.pointer(b);
      record.pointer(Value.NONE);
      record.integers(
          shape.dimension(0),
          shape.dimension(1),
          a.shape().rows(),
          a.shape().last(),
          b.shape().last(),
          shape.last(),
          TRANSPOSE_A | ACCUMULATE | stored(a, b));
    }

    @Override
    public Cost cost(Node node) {
      Value gradient = node.input(0);
      return Cost.streaming(node, 2 * gradient.shape().elements() * node.input(1).shape().last());
    }
  }
}
