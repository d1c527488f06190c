package org.quern.profile;

import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;
import org.quern.ir.Cost;
import org.quern.ir.Node;
import org.quern.plan.Plan;

/** Nodes that were done together, so that there is one time for all of them. */
final class FusedNodes {
  private FusedNodes() {}

  /**
   * The nodes after {@code node} that were done together with it.
   *
   * @param ran whether the record of this number ran by itself
   */
  static List<Node> after(Plan plan, Node node, IntPredicate ran) {
    List<Node> nodes = plan.graph().nodes();
    int last = node.id();
    while (plan.isFusedWithNext(nodes.get(last)) && !ran.test(last + 1)) {
      last++;
    }
    return ran.test(node.id()) ? nodes.subList(node.id() + 1, last + 1) : List.of();
  }

  /** Their operations, as in {@code Matmul + Activation}. */
  static String operation(Node node, List<Node> fused) {
    return fused.isEmpty()
        ? node.op().name()
        : node.op().name()
            + fused.stream().map(each -> " + " + each.op().name()).collect(Collectors.joining());
  }

  /** Of all together; what passes between them counts, though it stays in a cache. */
  static Cost cost(Node node, List<Node> fused) {
    Cost sum = node.op().cost(node);
    for (Node each : fused) {
      Cost cost = each.op().cost(each);
      sum = new Cost(sum.flops() + cost.flops(), sum.bytes() + cost.bytes());
    }
    return sum;
  }
}
