package org.quern.reference;

import java.util.List;

/**
 * What a node reads and makes, in the order of its operation, and the step that it runs in.
 *
 * @param inputs the inputs; {@link Tensor#NONE} for an operand done without
 * @param outputs the outputs
 * @param step the step
 */
record Operands(List<Tensor> inputs, List<Tensor> outputs, ReferenceStep step) {
  Tensor in(int index) {
    return inputs.get(index);
  }

  Tensor out(int index) {
    return outputs.get(index);
  }
}
