package org.quern.ir.op;

import java.util.List;
import org.quern.ir.Adjoints;
import org.quern.ir.Cost;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Kernel;
import org.quern.ir.Node;
import org.quern.ir.Op;
import org.quern.ir.RecordWriter;
import org.quern.ir.Shape;
import org.quern.ir.Value;

/**
 * Rows of a table by their ids, plus rows of a table of learned positions: {@code out[b,t] =
 * table[ids[b,t]] + positions[starts[b] + t]}. With no positions it gathers rows of any matrix.
 *
 * <p>Inputs: ids {@code [B, T]} I32, table {@code [V, C]} F32 or BF16, positions {@code [P, C]} or
 * none, starts {@code [B]} I32 or none (zero). Output: {@code [B, T, C]}.
 */
public record Embedding() implements Op {
  /** Appends the operation. */
  public static Value apply(Graph graph, Value ids, Value table, Value positions, Value starts) {
    return graph.apply(new Embedding(), ids, table, positions, starts);
  }

  @Override
  public List<Output> outputs(List<Value> inputs) {
    Value ids = inputs.get(0);
    Value table = inputs.get(1);
    Value positions = inputs.get(2);
    Checks.type(this, "ids", ids, DType.I32);
    Checks.that(ids.shape().rank() == 2, this, "ids must be [batch, time]", ids);
    Checks.f32(this, positions);
    Checks.floats(this, "the table", table);
    Checks.that(table.shape().rank() == 2, this, "the table must be [vocabulary, channels]", table);
    int batch = ids.shape().dimension(0);
    int time = ids.shape().dimension(1);
    int channels = table.shape().last();
    if (!positions.isNone()) {
      Checks.that(
          positions.shape().rank() == 2
              && positions.shape().last() == channels
              && positions.shape().dimension(0) >= time,
          this,
          "positions must be [at least " + time + ", " + channels + "]",
          positions);
    }
    Checks.starts(this, inputs.get(3), batch);
    return List.of(Output.f32(Shape.of(batch, time, channels)));
  }

  @Override
  public Kernel kernel() {
    return Kernel.EMBEDDING_F32;
  }

  @Override
  public void lower(Node node, RecordWriter record) {
    record.pointer(node.output(0));
    record.pointer(node.input(0));
    record.pointer(node.input(1));
    record.pointer(node.input(2));
    record.pointer(node.input(3));
    Value table = node.input(1);
    Value positions = node.input(2);
    record.integers(
        node.input(0).shape().elements(),
        table.shape().last(),
        table.shape().dimension(0),
        node.input(0).shape().dimension(1),
        positions.isNone() ? 0 : positions.shape().dimension(0),
        table.dtype() == DType.BF16 ? Matmul.STORED_BF16 : 0);
  }

  @Override
  public Cost cost(Node node) {
    long elements = node.output(0).shape().elements();
    long read = elements * node.input(1).dtype().bytes();
    return new Cost(elements, node.output(0).bytes() + read + node.input(0).bytes());
  }

  @Override
  public void adjoint(Node node, Adjoints adjoints) {
    Value table = node.input(1);
    Value positions = node.input(2);
    boolean tableWanted = adjoints.wants(table);
    boolean positionsWanted = adjoints.wants(positions);
    if (tableWanted || positionsWanted) {
      adjoints
          .graph()
          .append(
              new Backward(table.shape().dimension(0)),
              List.of(
                  node.input(0),
                  adjoints.of(node.output(0)),
                  tableWanted ? adjoints.accumulator(table) : Value.NONE,
                  positionsWanted ? adjoints.accumulator(positions) : Value.NONE));
    }
  }

  /**
   * Adds the rows' gradients to the tables': {@code dtable[ids[n]] += dout[n]}, {@code
   * dpositions[t] += dout[b,t]}.
   *
   * <p>Inputs: ids, dout, accumulators of table and positions (or none).
   *
   * @param vocabulary rows of the table
   */
  public record Backward(int vocabulary) implements Op {
    @Override
    public List<Output> outputs(List<Value> inputs) {
      return List.of();
    }

    @Override
    public Kernel kernel() {
      return Kernel.EMBEDDING_BACKWARD_F32;
    }

    @Override
    public boolean updates(int index) {
      return index >= 2;
    }

    @Override
    public void lower(Node node, RecordWriter record) {
      Value ids = node.input(0);
      Value gradient = node.input(1);
      Value positions = node.input(3);
      record.pointer(node.input(2));
      record.pointer(ids);
      record.pointer(gradient);
      record.pointer(positions);
      record.integers(
          ids.shape().elements(),
          gradient.shape().last(),
          vocabulary,
          ids.shape().dimension(1),
          positions.isNone() ? 0 : positions.shape().dimension(0));
    }

    @Override
    public Cost cost(Node node) {
      Value gradient = node.input(1);
      return new Cost(2 * gradient.shape().elements(), 3 * gradient.bytes());
    }
  }
}
