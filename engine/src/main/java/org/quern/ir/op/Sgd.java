package org.quern.ir.op;

import java.util.List;
import org.quern.ir.Cost;
import org.quern.ir.Graph;
import org.quern.ir.Kernel;
import org.quern.ir.Node;
import org.quern.ir.Op;
import org.quern.ir.RecordWriter;
import org.quern.ir.Region;
import org.quern.ir.Value;

/**
 * Stochastic gradient descent with momentum (Polyak 1964), as PyTorch's SGD computes it, the
 * learning rate from the step block.
 *
 * <p>Inputs: parameter, gradient, momentum, all but the gradient updated, and the gradients' norm
 * or the sums of this gradient's squares, and perhaps a copy, as {@link AdamW} has them.
 *
 * @param momentum the share of the last update that is kept
 * @param weightDecay times the parameter: added to the gradient
 * @param immediate as in {@link AdamW}
 */
public record Sgd(float momentum, float weightDecay, boolean immediate) implements Op {
  /** Appends the update of one parameter; {@code last} is the norm or the sums of squares. */
  public void apply(Graph graph, String parameter, Value last) {
    Value value = graph.parameter(parameter);
    graph.append(
        this,
        List.of(
            value, graph.gradient(value), graph.modelValue(Region.FIRST_MOMENTS, parameter), last));
  }

  @Override
  public List<Output> outputs(List<Value> inputs) {
    return List.of();
  }

  @Override
  public Kernel kernel() {
    return Kernel.SGD_F32;
  }

  @Override
  public boolean updates(int index) {
    return index != 1 && index != 3;
  }

  @Override
  public void lower(Node node, RecordWriter record) {
    node.inputs().subList(0, 3).forEach(record::pointer);
    record.pointer(immediate ? node.input(3) : Value.NONE);
    record.pointer(node.inputs().size() > 4 ? node.input(4) : Value.NONE);
    record.integers(
        node.input(0).shape().elements(), immediate ? node.input(3).shape().elements() : 0);
    record.real(momentum);
    record.real(weightDecay);
  }

  @Override
  public Cost cost(Node node) {
    long copy = node.inputs().size() > 4 ? node.input(4).bytes() : 0;
    return new Cost(6 * node.input(0).shape().elements(), 5 * node.input(0).bytes() + copy);
  }
}
