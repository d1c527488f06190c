package org.quern.ir;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.quern.ir.Op.Reading;
import org.quern.ir.op.Matmul;

/**
 * Has products read weights from a copy in BF16 ({@link Region#BF16_PARAMETERS}), and what updates
 * such a weight write its copy in the same pass: an operation that changes a parameter takes the
 * copy as one input more. Products would round what they read of the weights anyway, so results
 * have the same bits. All others go on reading the weights.
 */
final class RoundedWeights {
  private final Graph graph;
  private final int mostRows;
  private final Set<String> copied = new HashSet<>();

  private RoundedWeights(Graph graph, int mostRows) {
    this.graph = graph;
    this.mostRows = mostRows;
  }

  /**
   * The nodes of a differentiated graph, each at its place.
   *
   * @param mostRows how many rows a product has at most that reads a copy
   */
  static List<Node> of(Graph graph, int mostRows) {
    RoundedWeights made = new RoundedWeights(graph, mostRows);
    // A weight is updated after all that read it.
    return graph.nodes().stream().map(made::rewrite).toList();
  }

  private Node rewrite(Node node) {
    List<Value> inputs = new ArrayList<>();
    for (int index = 0; index < node.inputs().size(); index++) {
      Value input = node.input(index);
      inputs.add(readsCopy(node, index) ? copy(input) : input);
    }
    if (node.changesParameters() && copied.contains(node.input(0).name())) {
      inputs.add(copy(node.input(0)));
    }
    return new Node(node.id(), node.op(), inputs, node.outputs(), node.onUpdate(), node.assigned());
  }

  private boolean readsCopy(Node node, int index) {
    Value input = node.input(index);
    int rows = node.input(0).shape().rows();
    return input.region() == Region.PARAMETERS
        && input.bytes() == input.root().bytes()
        && node.op().reading(index) == Reading.BF16
        && rows <= mostRows
        && (rows > Matmul.FEW_ROWS || node.input(0).dtype() == DType.BF16);
  }

  private Value copy(Value weight) {
    copied.add(weight.name());
    return graph.modelValue(Region.BF16_PARAMETERS, weight.name()).view(weight.shape());
  }
}
