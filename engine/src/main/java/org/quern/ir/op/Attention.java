package org.quern.ir.op;

import java.util.ArrayList;
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
 * Scaled dot-product attention with grouped heads, without a T×T matrix in memory (Vaswani et al.
 * 2017, equation 1; Dao 2023, FlashAttention-2; Ainslie et al. 2023 for the groups).
 *
 * <p>Inputs, separate: q {@code [B, T, H*D]}, k and v {@code [B, S, G*D]}, starts {@code [B]} I32
 * or none; with starts, the rows of q may be longer, and k and v may be caches by head, {@code [B,
 * G, S, D]} F32 or BF16. Packed: one {@code [B, T, (H + 2G)*D]} of q, k, v side by side, and
 * starts. Outputs: {@code [B, T, H*D]} and the logarithm of each row's sum {@code [B, H, T]}.
 *
 * @param heads H, query heads
 * @param groups G, key and value heads; divides H
 * @param headSize D
 * @param causal whether position p sees keys up to p alone
 * @param window with causal, how many keys are seen at most; 0 for all
 * @param scale what the products are multiplied by, commonly {@code 1 / sqrt(D)}
 * @param dropout the probability with which a weight is dropped
 * @param stream the number that keys the dropout, from {@link Graph#nextStream}
 * @param packed whether q, k and v come in one tensor
 */
public record Attention(
    int heads,
    int groups,
    int headSize,
    boolean causal,
    int window,
    float scale,
    float dropout,
    int stream,
    boolean packed)
    implements Op {

  /** Bits of the kernel's flags ({@code quern_keys_flag}). */
  private static final int KEYS_BY_HEAD = 1;

  static final int KEYS_BF16 = 2;

  /** Checks the attributes. */
  public Attention {
    if (heads < 1 || groups < 1 || headSize < 1 || heads % groups != 0 || window < 0) {
      throw new GraphException(
          "Attention: "
              + heads
              + " heads of "
              + headSize
              + " cannot share "
              + groups
              + " key/value heads with a window of "
              + window
              + "; heads must be a multiple of key/value heads and all sizes positive.");
    }
  }

  private int queryChannels() {
    return heads * headSize;
  }

  private int keyChannels() {
    return groups * headSize;
  }

  private Value startsOf(List<Value> inputs) {
    return inputs.getLast();
  }

  private static boolean byHead(Value k) {
    return k.shape().rank() == 4;
  }

  /** S: the keys of each sequence. */
  private int keys(List<Value> inputs) {
    Value k = inputs.get(packed ? 0 : 1);
    return k.shape().dimension(byHead(k) ? 2 : 1);
  }

  @Override
  public List<Output> outputs(List<Value> inputs) {
    Checks.probability(this, dropout);
    Value q = inputs.getFirst();
    Checks.that(q.shape().rank() == 3, this, "q must be [batch, time, channels]", q);
    int batch = q.shape().dimension(0);
    int time = q.shape().dimension(1);
    Checks.starts(this, startsOf(inputs), batch);
    if (packed) {
      int width = queryChannels() + 2 * keyChannels();
      Checks.that(q.shape().last() == width, this, "packed q, k, v must have rows of " + width, q);
    } else {
      Value k = inputs.get(1);
      // Over a cache q may be the first part of a wider row: there is no gradient to keep apart.
      Checks.that(
          q.shape().last() == queryChannels()
              || (q.shape().last() > queryChannels() && !startsOf(inputs).isNone()),
          this,
          "q must have rows of " + queryChannels(),
          q);
      Value v = inputs.get(2);
      if (startsOf(inputs).isNone() || !byHead(k)) {
        Checks.f32(this, k, v);
        Checks.that(k.shape().rank() == 3, this, "k must be [batch, time, channels]", k);
        Checks.shape(this, "k", k, Shape.of(batch, keys(inputs), keyChannels()));
      } else {
        Checks.floats(this, "k", k);
        Checks.shape(this, "k", k, Shape.of(batch, groups, keys(inputs), headSize));
      }
      Checks.type(this, "v", v, k.dtype());
      Checks.shape(this, "v", v, k.shape());
      if (causal && startsOf(inputs).isNone()) {
        Checks.that(keys(inputs) == time, this, "without starts k must have q's time", k);
      }
    }
    return List.of(
        Output.f32(Shape.of(batch, time, queryChannels())),
        Output.f32(Shape.of(batch, heads, time)));
  }

  @Override
  public Kernel kernel() {
    return Kernel.ATTENTION_F32;
  }

  @Override
  public Reading reading(int index) {
    return Reading.ROUNDED;
  }

  @Override
  public void lower(Node node, RecordWriter record) {
    record.pointer(node.output(0));
    record.pointer(node.output(1));
    writeOperands(node.inputs(), record);
    record.pointer(startsOf(node.inputs()));
    writeSizes(node.inputs(), record);
  }

  private void writeOperands(List<Value> inputs, RecordWriter record) {
    Value q = inputs.getFirst();
    record.pointer(q);
    if (packed) {
      record.pointer(q, queryChannels());
      record.pointer(q, queryChannels() + keyChannels());
    } else {
      record.pointer(inputs.get(1));
      record.pointer(inputs.get(2));
    }
  }

  private void writeSizes(List<Value> inputs, RecordWriter record) {
    Shape q = inputs.getFirst().shape();
    Value k = inputs.get(packed ? 0 : 1);
    record.integers(
        q.dimension(0),
        q.dimension(1),
        heads,
        groups,
        headSize,
        q.last(),
        k.shape().last(),
        k.shape().last(),
        queryChannels(),
        keys(inputs),
        window,
        causal ? 1 : 0,
        stream,
        (byHead(k) ? KEYS_BY_HEAD : 0) | (k.dtype() == DType.BF16 ? KEYS_BF16 : 0));
    record.real(scale);
    record.real(dropout);
  }

  private long pairs(List<Value> inputs) {
    Shape q = inputs.getFirst().shape();
    long time = q.dimension(1);
    long keys = keys(inputs);
    long seen = window == 0 ? keys : Math.min(window, keys);
    return q.dimension(0) * time * (causal && time == keys ? (seen + 1) / 2 : seen);
  }

  @Override
  public Cost cost(Node node) {
    return Cost.streaming(node, 4 * pairs(node.inputs()) * queryChannels());
  }

  @Override
  public void adjoint(Node node, Adjoints adjoints) {
    if (!startsOf(node.inputs()).isNone()) {
      throw new GraphException("Attention over a cache has no gradient.");
    }
    List<Value> inputs = new ArrayList<>();
    inputs.add(adjoints.of(node.output(0)));
    inputs.add(node.output(0));
    inputs.add(node.output(1));
    List<Value> operands = node.inputs().subList(0, packed ? 1 : 3);
    inputs.addAll(operands);
    Node backward = adjoints.graph().append(new Backward(this), inputs);
    for (int index = 0; index < operands.size(); index++) {
      adjoints.add(operands.get(index), backward.output(index));
    }
  }

  /**
   * FlashAttention-2's backward pass: the weights are computed again from the saved logarithms.
   *
   * <p>Inputs: dout, out, lse, then q, k, v or the packed tensor. Outputs: the gradients of the
   * latter.
   *
   * @param forward the operation whose gradient this is
   */
  public record Backward(Attention forward) implements Op {
    @Override
    public List<Output> outputs(List<Value> inputs) {
      return inputs.subList(3, inputs.size()).stream()
          .map(value -> Output.f32(value.shape()))
          .toList();
    }

    @Override
    public Kernel kernel() {
      return Kernel.ATTENTION_BACKWARD_F32;
    }

    /** What was attended to, and the output; the logarithms are sums. */
    @Override
    public Reading reading(int index) {
      return index == 1 || index > 2 ? Reading.ROUNDED : Reading.EXACT;
    }

    @Override
    public void lower(Node node, RecordWriter record) {
      forward.writeOperands(node.outputs(), record);
      List<Value> operands = node.inputs().subList(3, node.inputs().size());
      record.pointer(node.input(0));
      forward.writeOperands(operands, record);
      record.pointer(node.input(1));
      record.pointer(node.input(2));
      forward.writeSizes(operands, record);
    }

    @Override
    public Cost cost(Node node) {
      List<Value> operands = node.inputs().subList(3, node.inputs().size());
      return Cost.streaming(node, 10 * forward.pairs(operands) * forward.queryChannels());
    }
  }
}
