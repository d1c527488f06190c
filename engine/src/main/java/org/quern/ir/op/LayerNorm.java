package org.quern.ir.op;

import java.util.List;
import org.quern.ir.Adjoints;
import org.quern.ir.Cost;
import org.quern.ir.Graph;
import org.quern.ir.Kernel;
import org.quern.ir.Node;
import org.quern.ir.Op;
import org.quern.ir.RecordWriter;
import org.quern.ir.Shape;
import org.quern.ir.Value;

/**
 * Layer normalization (Ba, Kiros and Hinton 2016, equation 4): {@code out = (x - mean) * rstd *
 * gamma + beta} over the channels, {@code rstd = 1 / sqrt(variance + epsilon)}.
 *
 * <p>Inputs: x {@code [..., C]}, gamma {@code [C]}, beta {@code [C]} or none. Outputs: {@code [...,
 * C]}, mean {@code [N]}, rstd {@code [N]}.
 *
 * @param epsilon added to the variance
 */
public record LayerNorm(float epsilon) implements Op {
  /** Appends the operation. */
  public static Value apply(Graph graph, Value x, Value gamma, Value beta, float epsilon) {
    return graph.apply(new LayerNorm(epsilon), x, gamma, beta);
  }

  @Override
  public List<Output> outputs(List<Value> inputs) {
    Value x = inputs.get(0);
    Checks.f32(this, x, inputs.get(1), inputs.get(2));
    Checks.elements(this, "gamma", inputs.get(1), x.shape().last());
    Checks.optionalElements(this, "beta", inputs.get(2), x.shape().last());
    Output statistics = Output.f32(Shape.of(x.shape().rows()));
    return List.of(Output.f32(x.shape()), statistics, statistics);
  }

  @Override
  public Kernel kernel() {
    return Kernel.LAYER_NORM_F32;
  }

  @Override
  public boolean isRowwise() {
    return true;
  }

  @Override
  public boolean fusesRowwise() {
    return true;
  }

  @Override
  public void lower(Node node, RecordWriter record) {
    Value x = node.input(0);
    record.pointer(node.output(0));
    record.pointer(node.output(1));
    record.pointer(node.output(2));
    record.pointer(x);
    record.pointer(node.input(1));
    record.pointer(node.input(2));
    record.integers(x.shape().rows(), x.shape().last());
    record.real(epsilon);
  }

  @Override
  public Cost cost(Node node) {
    return Cost.streaming(node, 8 * node.input(0).shape().elements());
  }

  @Override
  public void adjoint(Node node, Adjoints adjoints) {
    Value x = node.input(0);
    Node backward =
        adjoints
            .graph()
            .append(
                new Backward(),
                List.of(
                    adjoints.of(node.output(0)),
                    x,
                    node.output(1),
                    node.output(2),
                    node.input(1),
                    adjoints.accumulator(node.input(1)),
                    adjoints.accumulator(node.input(2))));
    if (adjoints.wants(x)) {
      adjoints.add(x, backward.output(0));
    }
  }

  /**
   * {@code dx = rstd * (g - mean(g) - n * mean(g * n))} with {@code g = dout * gamma} and {@code n
   * = (x - mean) * rstd}; {@code dgamma += dout * n}; {@code dbeta += dout}.
   *
   * <p>Inputs: dout, x, mean, rstd, gamma, accumulators of gamma and beta (or none). Output: dx.
   */
  public record Backward() implements Op {
    @Override
    public List<Output> outputs(List<Value> inputs) {
      return List.of(Output.f32(inputs.get(1).shape()));
    }

    @Override
    public Kernel kernel() {
      return Kernel.LAYER_NORM_BACKWARD_F32;
    }

    @Override
    public boolean fusesRowwise() {
      return true;
    }

    @Override
    public boolean updates(int index) {
      return index >= 5;
    }

    @Override
    public void lower(Node node, RecordWriter record) {
      Value x = node.input(1);
      record.pointer(node.output(0));
      record.pointer(node.input(5));
      record.pointer(node.input(6));
      record.pointer(node.input(0));
      record.pointer(x);
      record.pointer(node.input(2));
      record.pointer(node.input(3));
      record.pointer(node.input(4));
      record.integers(x.shape().rows(), x.shape().last());
    }

    @Override
    public Cost cost(Node node) {
      return Cost.streaming(node, 16 * node.input(1).shape().elements());
    }
  }
}
