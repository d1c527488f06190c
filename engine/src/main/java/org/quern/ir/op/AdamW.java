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
 * the step from the step block.
 *
 * <p>Inputs: parameter, gradient, first moment, second moment, all but the gradient updated, and
 * the gradients' norm, which must be there before the step block's clipping factor is read; or, if
 * immediate, the sums of the squares of this gradient ({@link GradientNorm.SquareSum}). Sums that
 * are not finite keep this parameter and all that would be updated later from changing. If there is
 * a sixth, it is the parameter's copy in BF16, which is written.
 *
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to the root of the second moment
 * @param weightDecay times the learning rate: the share of the parameter that is taken away
 * @param immediate whether it does not wait for the norm of all gradients, and so does not clip
 */
public record AdamW(float beta1, float beta2, float epsilon, float weightDecay, boolean immediate)
    implements Op {
  /** Appends the update of one parameter; {@code last} is the norm or the sums of squares. */
  public void apply(Graph graph, String parameter, Value last) {
    Value value = graph.parameter(parameter);
    graph.append(
        this,
        List.of(
            value,
            graph.gradient(value),
            graph.modelValue(Region.FIRST_MOMENTS, parameter),
            graph.modelValue(Region.SECOND_MOMENTS, parameter),
            last));
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
    return index != 1 && index != 4;
  }

  @Override
  public void lower(Node node, RecordWriter record) {
    node.inputs().subList(0, 4).forEach(record::pointer);
    record.pointer(immediate ? node.input(4) : Value.NONE);
    record.pointer(node.inputs().size() > 5 ? node.input(5) : Value.NONE);
    record.integers(
        node.input(0).shape().elements(), immediate ? node.input(4).shape().elements() : 0);
    record.real(beta1);
    record.real(beta2);
    record.real(epsilon);
    record.real(weightDecay);
  }

  @Override
  public Cost cost(Node node) {
    long copy = node.inputs().size() > 5 ? node.input(5).bytes() : 0;
    return new Cost(14 * node.input(0).shape().elements(), 7 * node.input(0).bytes() + copy);
  }
}
