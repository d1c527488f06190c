package org.quern.ir.op;

import java.util.List;
import org.quern.ir.Adjoints;
import org.quern.ir.Cost;
import org.quern.ir.Graph;
import org.quern.ir.Kernel;
import org.quern.ir.Node;
import org.quern.ir.Op;
import org.quern.ir.RecordWriter;
import org.quern.ir.Value;

/**
 * A function of each element: {@code y = act(x)}. Input and output: {@code [...]}.
 *
 * @param function the function
 */
public record Activation(ActivationFunction function) implements Op {
  /** Appends the operation. */
  public static Value apply(Graph graph, Value x, ActivationFunction function) {
    return graph.apply(new Activation(function), x);
  }

  @Override
  public List<Output> outputs(List<Value> inputs) {
    Checks.f32(this, inputs.get(0));
    return List.of(Output.f32(inputs.get(0).shape()));
  }

  @Override
  public Kernel kernel() {
    return Kernel.ACTIVATION_F32;
  }

  @Override
  public Reading reading(int index) {
    return Reading.ROUNDED;
  }

  @Override
  public boolean isElementwise() {
    return true;
  }

  @Override
  public int[] inPlace(int output) {
    return new int[] {0};
  }

  @Override
  public void lower(Node node, RecordWriter record) {
    record.pointer(node.output(0));
    record.pointer(node.input(0));
    record.integers(node.input(0).shape().elements(), function.ordinal());
  }

  @Override
  public Cost cost(Node node) {
    return Cost.streaming(node, 20 * node.input(0).shape().elements());
  }

  @Override
  public void adjoint(Node node, Adjoints adjoints) {
    Value x = node.input(0);
    Value gradient = adjoints.of(node.output(0));
    adjoints.add(x, adjoints.graph().apply(new Backward(function), gradient, x));
  }

  /**
   * {@code dx = act'(x) dy}. Inputs: dy, x. Output: dx.
   *
   * @param function the function
   */
  public record Backward(ActivationFunction function) implements Op {
    @Override
    public List<Output> outputs(List<Value> inputs) {
      return List.of(Output.f32(inputs.get(1).shape()));
    }

    @Override
    public Kernel kernel() {
      return Kernel.ACTIVATION_BACKWARD_F32;
    }

    @Override
    public Reading reading(int index) {
      return index == 1 ? Reading.ROUNDED : Reading.EXACT;
    }

    @Override
    public boolean isElementwise() {
      return true;
    }

    @Override
    public int[] inPlace(int output) {
      return new int[] {0};
    }

    @Override
    public void lower(Node node, RecordWriter record) {
      record.pointer(node.output(0));
      record.pointer(node.input(0));
      record.pointer(node.input(1));
      record.integers(node.input(1).shape().elements(), function.ordinal());
    }

    @Override
    public Cost cost(Node node) {
      return Cost.streaming(node, 30 * node.input(1).shape().elements());
    }
  }
}
