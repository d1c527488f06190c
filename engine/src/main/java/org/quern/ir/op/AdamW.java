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
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), the learning rate and
 * the step from the step block. It clears the gradient as it goes.
 *
 * <p>Inputs: parameter, gradient, first moment, second moment, all updated, and the gradients'
 * norm, which must be there before the step block's clipping factor is read.
 *
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to the root of the second moment
 * @param weightDecay times the learning rate: the share of the parameter that is taken away
 */
public record AdamW(float beta1, float beta2, float epsilon, float weightDecay) implements Op {
  /** Appends the update of one parameter. */
  public void apply(Graph graph, String parameter, Value norm) {
    Value value = graph.parameter(parameter);
    graph.append(
        this,
        List.of(
            value,
            graph.gradient(value),
            graph.modelValue(Region.FIRST_MOMENTS, parameter),
            graph.modelValue(Region.SECOND_MOMENTS, parameter),
            norm));
  }

  @Override
  public List<Output> outputs(List<Value> inputs) {
    return List.of();
  }

  @Override
  public Kernel kernel() {
    return Kernel.ADAMW_F32;
  }

  @Override
  public boolean updates(int index) {
    return index < 4;
  }

  @Override
  public void lower(Node node, RecordWriter record) {
    node.inputs().subList(0, 4).forEach(record::pointer);
    record.integer(node.input(0).shape().elements());
    record.real(beta1);
    record.real(beta2);
    record.real(epsilon);
    record.real(weightDecay);
  }

  @Override
  public Cost cost(Node node) {
    return new Cost(14 * node.input(0).shape().elements(), 8 * node.input(0).bytes());
  }
}
