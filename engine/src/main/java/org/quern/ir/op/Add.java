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

/** The sum of two tensors of one shape: {@code y = a + b}, as in a residual connection. */
public record Add() implements Op {
  /** Appends the operation. */
  public static Value apply(Graph graph, Value a, Value b) {
    return graph.apply(new Add(), a, b);
  }

  @Override
  public List<Output> outputs(List<Value> inputs) {
    Checks.f32(this, inputs.get(0), inputs.get(1));
    Checks.shape(this, "b", inputs.get(1), inputs.get(0).shape());
    return List.of(Output.f32(inputs.get(0).shape()));
  }

  @Override
  public Kernel kernel() {
    return Kernel.ADD_F32;
  }

  @Override
  public boolean isElementwise() {
    return true;
  }

  @Override
  public boolean fusesRowwise() {
    return true;
  }

  @Override
  public int[] inPlace(int output) {
    return new int[] {0, 1};
  }

  @Override
  public void lower(Node node, RecordWriter record) {
    record.pointer(node.output(0));
    record.pointer(node.input(0));
    record.pointer(node.input(1));
    Shape shape = node.input(0).shape();
    record.integers(shape.elements(), shape.last());
  }

  @Override
  public Cost cost(Node node) {
    return Cost.streaming(node, node.input(0).shape().elements());
  }

  @Override
  public void adjoint(Node node, Adjoints adjoints) {
    Value gradient = adjoints.of(node.output(0));
    for (Value input : node.inputs()) {
      if (adjoints.wants(input)) {
        adjoints.add(input, gradient);
      }
    }
  }
}
