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
 * Dropout (Srivastava et al. 2014), inverted: an element is zeroed with {@code probability} or else
 * divided by {@code 1 - probability}. What is dropped follows from seed, sequence and stream, so
 * that the backward pass drops the same.
 *
 * @param probability in [0, 1)
 * @param stream from {@link Graph#nextStream}
 */
public record Dropout(float probability, int stream) implements Op {
  /** Appends the operation, or nothing where the probability is zero. */
  public static Value apply(Graph graph, Value x, float probability) {
    return probability == 0 ? x : graph.apply(new Dropout(probability, graph.nextStream()), x);
  }

  @Override
  public List<Output> outputs(List<Value> inputs) {
    Checks.probability(this, probability);
    Checks.f32(this, inputs.get(0));
    return List.of(Output.f32(inputs.get(0).shape()));
  }

  @Override
  public Kernel kernel() {
    return Kernel.DROPOUT_F32;
  }

  @Override
  public boolean fusesRowwise() {
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
    Shape shape = node.input(0).shape();
    record.integers(shape.elements(), stream, shape.last());
    record.real(probability);
  }

  @Override
  public Cost cost(Node node) {
    return Cost.streaming(node, 20 * node.input(0).shape().elements());
  }

  @Override
  public void adjoint(Node node, Adjoints adjoints) {
    adjoints.add(node.input(0), adjoints.graph().apply(this, adjoints.of(node.output(0))));
  }
}
