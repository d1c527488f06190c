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
 * Rotary position embedding (Su et al. 2021, equation 34), the pairs being {@code (d, d + R/2)} as
 * in Hugging Face's models.
 *
 * <p>Inputs: x {@code [B, T, H*D]}, table {@code [P, R]} (R/2 cosines, then R/2 sines, a row for
 * each position), starts {@code [B]} I32 or none. Output: {@code [B, T, H*D]}.
 *
 * @param heads H
 * @param inverse whether to turn back, which is the gradient
 */
public record Rope(int heads, boolean inverse) implements Op {
  /** Appends the operation. */
  public static Value apply(Graph graph, Value x, int heads, Value table, Value starts) {
    return graph.apply(new Rope(heads, false), x, table, starts);
  }

  @Override
  public List<Output> outputs(List<Value> inputs) {
    Value x = inputs.get(0);
    Value table = inputs.get(1);
    Checks.f32(this, x, table);
    Checks.that(
        x.shape().rank() == 3 && x.shape().last() % heads == 0,
        this,
        "x must be [batch, time, a multiple of " + heads + "]",
        x);
    int headSize = x.shape().last() / heads;
    Checks.that(
        table.shape().rank() == 2
            && table.shape().last() % 2 == 0
            && table.shape().last() <= headSize
            && table.shape().dimension(0) >= x.shape().dimension(1),
        this,
        "the table must have a row for each position and an even width of at most " + headSize,
        table);
    Checks.starts(this, inputs.get(2), x.shape().dimension(0));
    return List.of(Output.f32(x.shape()));
  }

  @Override
  public Kernel kernel() {
    return Kernel.ROPE_F32;
  }

  @Override
  public int[] inPlace(int output) {
    return new int[] {0};
  }

  @Override
  public void lower(Node node, RecordWriter record) {
    Value x = node.input(0);
    Value table = node.input(1);
    record.pointer(node.output(0));
    record.pointer(x);
    record.pointer(table);
    record.pointer(node.input(2));
    record.integers(
        x.shape().rows(),
        x.shape().dimension(1),
        heads,
        x.shape().last() / heads,
        table.shape().dimension(0),
        inverse ? 1 : 0,
        table.shape().last());
  }

  @Override
  public Cost cost(Node node) {
    long bytes = node.output(0).bytes();
    return new Cost(3 * node.output(0).shape().elements(), 2 * bytes);
  }

  @Override
  public void adjoint(Node node, Adjoints adjoints) {
    Value gradient = adjoints.of(node.output(0));
    adjoints.add(
        node.input(0),
        adjoints.graph().apply(new Rope(heads, !inverse), gradient, node.input(1), node.input(2)));
  }
}
