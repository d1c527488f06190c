package org.quern.ir;

import java.util.List;

/**
 * One use of an operation in a graph.
 *
 * @param id its place in the graph's order
 * @param op the operation
 * @param inputs what it reads, and for {@link Op#updates} also writes
 * @param outputs what it makes
 * @param onUpdate whether it runs only in steps that update the parameters
 */
public record Node(int id, Op op, List<Value> inputs, List<Value> outputs, boolean onUpdate) {
  /** Copies the lists. */
  public Node {
    inputs = List.copyOf(inputs);
    outputs = List.copyOf(outputs);
  }

  /** Input {@code index}, perhaps {@link Value#NONE}. */
  public Value input(int index) {
    return inputs.get(index);
  }

  /** Output {@code index}. */
  public Value output(int index) {
    return outputs.get(index);
  }

  /** The operation, its number and what it makes, for messages. */
  @Override
  public String toString() {
    return op.name() + " #" + id + (outputs.isEmpty() ? "" : " → " + outputs.getFirst());
  }
}
