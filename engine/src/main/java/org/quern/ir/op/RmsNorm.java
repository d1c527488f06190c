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
 * Root-mean-square normalization (Zhang and Sennrich 2019, equation 4): {@code out = x * rstd *
 * gamma} over the innermost dimension, {@code rstd = 1 / sqrt(mean(x^2) + epsilon)}.
 *
 * <p>Inputs: x {@code [..., C]}, gamma {@code [C]}. Outputs: {@code [..., C]}, rstd {@code [N]}.
 *
 * @param epsilon added to the mean square
 */
public record RmsNorm(float epsilon) implements Op {
  /** Appends the operation. */
  public static Value apply(Graph graph, Value x, Value gamma, float epsilon) {
    return graph.apply(new RmsNorm(epsilon), x, gamma);
  }

  @Override
  public List<Output> outputs(List<Value> inputs) {
    Value x = inputs.get(0);
    Checks.f32(this, x, inputs.get(1));
    Checks.elements(this, "gamma", inputs.get(1), x.shape().last());
    return List.of(Output.f32(x.shape()), Output.f32(Shape.of(x.shape().rows())));
  }

  @Override
  public Kernel kernel() {
    return Kernel.RMS_NORM_F32;
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
    record.pointer(x);
    record.pointer(node.input(1));
    record.integers(x.shape().rows(), x.shape().last());
    record.real(epsilon);
  }

  @Override
  public Cost cost(Node node) {
    return Cost.streaming(node, 5 * node.input(0).shape().elements());
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
                    node.input(1),
                    adjoints.accumulator(node.input(1))));
    if (adjoints.wants(x)) {
      adjoints.add(x, backward.output(0));
    }
  }

  /**
   * {@code dx = rstd * (g - n * mean(g * n))} with {@code g = dout * gamma} and {@code n = x *
   * rstd}; {@code dgamma += dout * n}.
   *
   * <p>Inputs: dout, x, rstd, gamma, accumulator of gamma. Output: dx.
   */
  public record Backward() implements Op {
    @Override
    public List<Output> outputs(List<Value> inputs) {
      return List.of(Output.f32(inputs.get(1).shape()));
    }

    @Override
    public Kernel kernel() {
      return Kernel.RMS_NORM_BACKWARD_F32;
    }

    @Override
    public boolean fusesRowwise() {
      return true;
    }

    @Override
    public boolean updates(int index) {
      return index == 4;
    }

    @Override
    public void lower(Node node, RecordWriter record) {
      Value x = node.input(1);
      record.pointer(node.output(0));
      record.pointer(node.input(4));
      record.pointer(node.input(0));
      record.pointer(x);
      record.pointer(node.input(2));
      record.pointer(node.input(3));
      record.integers(x.shape().rows(), x.shape().last());
    }

    @Override
    public Cost cost(Node node) {
      return Cost.streaming(node, 11 * node.input(1).shape().elements());
    }
  }
}
