package org.quern.ir.op;

import java.util.List;
import org.quern.ir.Cost;
import org.quern.ir.Kernel;
import org.quern.ir.Node;
import org.quern.ir.Op;
import org.quern.ir.RecordWriter;
import org.quern.ir.Value;

/**
 * The gradient of a bias: {@code dbias[c] += sum over n of dout[n,c]}.
 *
 * <p>Inputs: dout {@code [..., C]}, accumulator of the bias {@code [C]}.
 */
public record ColumnSum() implements Op {
  @Override
  public List<Output> outputs(List<Value> inputs) {
    Checks.f32(this, inputs.get(0), inputs.get(1));
    Checks.elements(this, "the accumulator", inputs.get(1), inputs.get(0).shape().last());
    return List.of();
  }

  @Override
  public Kernel kernel() {
    return Kernel.COLUMN_SUM_F32;
  }

  @Override
  public boolean updates(int index) {
    return index == 1;
  }

  @Override
  public void lower(Node node, RecordWriter record) {
    Value x = node.input(0);
    record.pointer(node.input(1));
    record.pointer(x);
    record.integers(x.shape().rows(), x.shape().last());
  }

  @Override
  public Cost cost(Node node) {
    return Cost.streaming(node, node.input(0).shape().elements());
  }
}
