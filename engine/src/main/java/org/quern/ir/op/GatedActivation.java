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
 * A gated linear unit: {@code y = act(gate) * up} (Shazeer 2020, equation 6; with SiLU it is
 * SwiGLU).
 *
 * <p>Inputs: gate and up {@code [..., F]}. Output: {@code [..., F]}.
 *
 * @param function the gate's function
 */
public record GatedActivation(ActivationFunction function) implements Op {
  /** Appends the operation. */
  public static Value apply(Graph graph, Value gate, Value up, ActivationFunction function) {
    return graph.apply(new GatedActivation(function), gate, up);
  }

  @Override
  public List<Output> outputs(List<Value> inputs) {
    Checks.f32(this, inputs.get(0), inputs.get(1));
    Checks.shape(this, "up", inputs.get(1), inputs.get(0).shape());
    return List.of(Output.f32(inputs.get(0).shape()));
  }

  @Override
  public Kernel kernel() {
    return Kernel.GATED_ACTIVATION_F32;
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
    return new int[] {0, 1};
  }

  @Override
  public void lower(Node node, RecordWriter record) {
    record.pointer(node.output(0));
    record.pointer(node.input(0));
    record.pointer(node.input(1));
    record.integers(node.input(0).shape().elements(), function.ordinal());
  }

  @Override
  public Cost cost(Node node) {
    return Cost.streaming(node, 20 * node.input(0).shape().elements());
  }

  @Override
  public void adjoint(Node node, Adjoints adjoints) {
    Value gate = node.input(0);
    Value up = node.input(1);
    Node backward =
        adjoints
            .graph()
            .append(new Backward(function), List.of(adjoints.of(node.output(0)), gate, up));
    if (adjoints.wants(gate)) {
      adjoints.add(gate, backward.output(0));
    }
    if (adjoints.wants(up)) {
      adjoints.add(up, backward.output(1));
    }
  }

  /**
   * {@code dgate = dy up act'(gate)}, {@code dup = dy act(gate)}. Inputs: dy, gate, up. Outputs:
   * dgate, dup.
   *
   * @param function the gate's function
   */
  public record Backward(ActivationFunction function) implements Op {
    @Override
    public List<Output> outputs(List<Value> inputs) {
      Output output = Output.f32(inputs.get(0).shape());
      return List.of(output, output);
    }

    @Override
    public Kernel kernel() {
      return Kernel.GATED_ACTIVATION_BACKWARD_F32;
    }

    @Override
    public Reading reading(int index) {
      return index > 0 ? Reading.ROUNDED : Reading.EXACT;
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
      record.pointer(node.output(1));
      record.pointer(node.input(0));
      record.pointer(node.input(1));
      record.pointer(node.input(2));
      record.integers(node.input(0).shape().elements(), function.ordinal());
    }

    @Override
    public Cost cost(Node node) {
      return Cost.streaming(node, 30 * node.input(0).shape().elements());
    }
  }
}
