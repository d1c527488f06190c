package org.quern.ir.op;

import java.util.List;
import org.quern.ir.Adjoints;
import org.quern.ir.Cost;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.GraphException;
import org.quern.ir.Kernel;
import org.quern.ir.Node;
import org.quern.ir.Op;
import org.quern.ir.RecordWriter;
import org.quern.ir.Shape;
import org.quern.ir.Value;

/**
 * The negative log-likelihood of each label under the softmax of its row of logits, in nats: {@code
 * losses[n] = log(sum(exp(logits[n]))) - logits[n, labels[n]]}; zero where the label is {@link
 * #IGNORED}.
 *
 * <p>Inputs: logits {@code [..., V]}, labels {@code [...]} I32. Outputs: losses {@code [N]}, the
 * logarithm of each row's sum {@code [N]}.
 */
public record CrossEntropy() implements Op {
  /** A label that counts for nothing. */
  public static final int IGNORED = -100;

  /**
   * Appends the loss: a scalar, the sum over the rows times the step block's loss scale, which is
   * one over the number of counted labels.
   */
  public static Value loss(Graph graph, Value logits, Value labels) {
    Value losses = graph.apply(new CrossEntropy(), logits, labels);
    return graph.apply(new Sum(), losses);
  }

  @Override
  public List<Output> outputs(List<Value> inputs) {
    Value logits = inputs.get(0);
    Value labels = inputs.get(1);
    Checks.f32(this, logits);
    Checks.type(this, "labels", labels, DType.I32);
    Checks.elements(this, "labels", labels, logits.shape().rows());
    Output row = Output.f32(Shape.of(logits.shape().rows()));
    return List.of(row, row);
  }

  @Override
  public Kernel kernel() {
    return Kernel.CROSS_ENTROPY_F32;
  }

  @Override
  public void lower(Node node, RecordWriter record) {
    lowerRows(node, record);
  }

  /** Two outputs, logits and labels: what the loss has with and without its gradient. */
  private static void lowerRows(Node node, RecordWriter record) {
    Value logits = node.input(0);
    record.pointer(node.output(0));
    record.pointer(node.output(1));
    record.pointer(logits);
    record.pointer(node.input(1));
    record.integers(logits.shape().rows(), logits.shape().last());
  }

  @Override
  public Cost cost(Node node) {
    return Cost.streaming(node, 12 * node.input(0).shape().elements());
  }

  @Override
  public void adjoint(Node node, Adjoints adjoints) {
    Value logits = node.input(0);
    adjoints.add(
        logits, adjoints.graph().apply(new Backward(), logits, node.input(1), node.output(1)));
  }

  /**
   * {@code dlogits = (softmax(logits) - onehot(label)) * loss scale}. Inputs: logits, labels, the
   * rows' logarithms. Output: dlogits.
   */
  public record Backward() implements Op {
    @Override
    public List<Output> outputs(List<Value> inputs) {
      return List.of(Output.f32(inputs.get(0).shape()));
    }

    @Override
    public Kernel kernel() {
      return Kernel.CROSS_ENTROPY_BACKWARD_F32;
    }

    @Override
    public int[] inPlace(int output) {
      return new int[] {0};
    }

    @Override
    public void lower(Node node, RecordWriter record) {
      Value logits = node.input(0);
      record.pointer(node.output(0));
      record.pointer(logits);
      record.pointer(node.input(1));
      record.pointer(node.input(2));
      record.integers(logits.shape().rows(), logits.shape().last());
    }

    @Override
    public Cost cost(Node node) {
      return Cost.streaming(node, 12 * node.input(0).shape().elements());
    }
  }

  /**
   * Loss and gradient in one pass over the logits, where the loss will be differentiated once at
   * most: each exponential is taken once. Inputs: logits, labels. Outputs: losses {@code [N]},
   * dlogits.
   */
  public record WithGradient() implements Op {
    @Override
    public List<Output> outputs(List<Value> inputs) {
      List<Output> rows = new CrossEntropy().outputs(inputs);
      return List.of(rows.getFirst(), Output.f32(inputs.get(0).shape()));
    }

    @Override
    public Kernel kernel() {
      return Kernel.CROSS_ENTROPY_WITH_GRADIENT_F32;
    }

    @Override
    public int[] inPlace(int output) {
      return output == 1 ? new int[] {0} : new int[0];
    }

    @Override
    public void lower(Node node, RecordWriter record) {
      lowerRows(node, record);
    }

    @Override
    public Cost cost(Node node) {
      return Cost.streaming(node, 14 * node.input(0).shape().elements());
    }
  }

  /**
   * The losses of rows whose logits come by chunks of the vocabulary, for where the loss alone is
   * wanted: one node for each chunk, which takes the softmax's sum on from the one before (Milakov
   * and Gimelshein 2018, "Online normalizer calculation for softmax").
   *
   * <p>Inputs: the chunk's logits {@code [..., W]}, labels {@code [...]} I32, and but for the first
   * chunk the state after the one before. Outputs: the state {@code [N, 3]}, which is the highest
   * logit so far, the sum of exponentials relative to it and the label's logit; losses {@code [N]},
   * complete after the last chunk.
   *
   * @param first the chunk's first class
   * @param vocabulary classes of all chunks
   */
  public record Chunk(int first, int vocabulary) implements Op {
    private static final int STATE = 3;

    @Override
    public List<Output> outputs(List<Value> inputs) {
      Output losses = new CrossEntropy().outputs(inputs).getFirst();
      int rows = inputs.get(0).shape().rows();
      int width = inputs.get(0).shape().last();
      if (first < 0 || width > vocabulary - first || (first == 0) != (inputs.size() == 2)) {
        throw new GraphException(
            "CrossEntropy.Chunk takes "
                + inputs.size()
                + " operands for "
                + width
                + " classes from "
                + first
                + " on, of "
                + vocabulary
                + ".");
      }
      Shape state = Shape.of(rows, STATE);
      if (inputs.size() > 2) {
        Checks.f32(this, inputs.get(2));
        Checks.shape(this, "the state", inputs.get(2), state);
      }
      return List.of(Output.f32(state), losses);
    }

    @Override
    public Kernel kernel() {
      return Kernel.CROSS_ENTROPY_CHUNK_F32;
    }

    @Override
    public int[] inPlace(int output) {
      return output == 0 && first > 0 ? new int[] {2} : new int[0];
    }

    @Override
    public void lower(Node node, RecordWriter record) {
      lowerRows(node, record);
      record.pointer(first == 0 ? Value.NONE : node.input(2));
      record.integers(first, vocabulary);
    }

    @Override
    public Cost cost(Node node) {
      return Cost.streaming(node, 12 * node.input(0).shape().elements());
    }
  }

  /**
   * The sum of the rows' losses times the step block's loss scale. Inputs: losses {@code [N]}; and
   * where {@link WithGradient} was used, what the losses depend on and its gradient, which is made
   * already. Output: {@code [1]}.
   */
  public record Sum() implements Op {
    @Override
    public List<Output> outputs(List<Value> inputs) {
      Checks.f32(this, inputs.get(0));
      if (inputs.size() > 1) {
        Checks.shape(this, "the gradient", inputs.get(2), inputs.get(1).shape());
      }
      return List.of(Output.f32(Shape.of(1)));
    }

    @Override
    public Kernel kernel() {
      return Kernel.LOSS_SUM_F32;
    }

    @Override
    public void lower(Node node, RecordWriter record) {
      record.pointer(node.output(0));
      record.pointer(node.input(0));
      record.integer(node.input(0).shape().elements());
    }

    @Override
    public Cost cost(Node node) {
      Value losses = node.input(0);
      return new Cost(losses.shape().elements(), losses.bytes() + node.output(0).bytes());
    }

    /** The rows' gradient is the loss scale, which the kernels of the rows multiply by. */
    @Override
    public void adjoint(Node node, Adjoints adjoints) {
      if (node.inputs().size() > 1) {
        adjoints.add(node.input(1), node.input(2));
      } else {
        adjoints.add(node.input(0), node.input(0));
      }
    }
  }
}
