package org.quern.ir;

import java.util.List;
import java.util.Set;

/**
 * One use of an operation in a graph.
 *
 * @param id its place in the graph's order
 * @param op the operation
 * @param inputs what it reads, and for {@link Op#updates} also writes
 * @param outputs what it makes
 * @param onUpdate whether it runs only in steps that update the parameters
 * @param assigned the indices of inputs that are gradients to which no node before contributes:
 *     they are assigned, and added to only where the step goes on from an earlier run
 */
public record Node(
    int id,
    Op op,
    List<Value> inputs,
    List<Value> outputs,
    boolean onUpdate,
    Set<Integer> assigned) {
  /** Copies the collections. */
  public Node {
    inputs = List.copyOf(inputs);
    outputs = List.copyOf(outputs);
    assigned = Set.copyOf(assigned);
  }

  /** Input {@code index}, perhaps {@link Value#NONE}. */
  public Value input(int index) {
    return inputs.get(index);
  }

  /** Output {@code index}. */
  public Value output(int index) {
    return outputs.get(index);
  }

  /** Whether {@code value} is one of those that are {@link #assigned}. */
  public boolean assigns(Value value) {
    return assigned.stream().anyMatch(index -> input(index).id() == value.id());
  }

  /** Whether it changes parameters. */
  public boolean changesParameters() {
    for (int index = 0; index < inputs.size(); index++) {
      if (op.updates(index) && input(index).region() == Region.PARAMETERS) {
        return true;
      }
    }
    return false;
  }

  /** The operation, its number and what it makes, for messages. */
  @Override
  public String toString() {
    return op.name() + " #" + id + (outputs.isEmpty() ? "" : " → " + outputs.getFirst());
  }
}
