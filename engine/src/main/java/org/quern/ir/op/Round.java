package org.quern.ir.op;

import java.util.ArrayList;
import java.util.List;
import org.quern.ir.Cost;
import org.quern.ir.DType;
import org.quern.ir.Kernel;
import org.quern.ir.Node;
import org.quern.ir.Op;
import org.quern.ir.RecordWriter;
import org.quern.ir.Value;

/**
 * The nearest BF16, ties to even: how activations are kept from the forward to the backward pass
 * ({@link org.quern.ir.Graph#keepRounded}), which is done to a graph that has been differentiated.
 *
 * <p>Input: x F32. Outputs: BF16, and with {@code both} the same numbers as F32.
 *
 * @param both whether others read the rounded numbers as F32
 */
public record Round(boolean both) implements Op {
  @Override
  public List<Output> outputs(List<Value> inputs) {
    Value x = inputs.getFirst();
    Checks.f32(this, x);
    List<Output> outputs = new ArrayList<>();
    outputs.add(new Output(DType.BF16, x.shape()));
    if (both) {
      outputs.add(Output.f32(x.shape()));
    }
    return outputs;
  }

  @Override
  public Kernel kernel() {
    return Kernel.ROUND_F32;
  }

  @Override
  public boolean isElementwise() {
    return true;
  }

  @Override
  public int[] inPlace(int output) {
    return output == 1 ? new int[] {0} : new int[0];
  }

  @Override
  public void lower(Node node, RecordWriter record) {
    record.pointer(node.output(0));
    record.pointer(both ? node.output(1) : Value.NONE);
    record.pointer(node.input(0));
    record.integer(node.input(0).shape().elements());
  }

  @Override
  public Cost cost(Node node) {
    return Cost.streaming(node, 5 * node.input(0).shape().elements());
  }

  /** BF16 as F32. Input: x BF16. Output: F32. */
  public record Widen() implements Op {
    @Override
    public List<Output> outputs(List<Value> inputs) {
      Value x = inputs.getFirst();
      Checks.type(this, "x", x, DType.BF16);
      return List.of(Output.f32(x.shape()));
    }

    @Override
    public Kernel kernel() {
      return Kernel.WIDEN_BF16;
    }

    @Override
    public boolean isElementwise() {
      return true;
    }

    @Override
    public void lower(Node node, RecordWriter record) {
      record.pointer(node.output(0));
      record.pointer(node.input(0));
      record.integer(node.input(0).shape().elements());
    }

    @Override
    public Cost cost(Node node) {
      return Cost.streaming(node, node.input(0).shape().elements());
    }
  }
}
