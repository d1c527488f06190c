package org.quern.profile;

import java.util.List;
import org.quern.ir.Cost;
import org.quern.ir.Node;

/**
 * What one record of a program took, over all runs that were timed.
 *
 * @param node the node that the record is of
 * @param fused the nodes after it that were done together with it, whose own count is 0
 * @param count how often it ran; records of the optimizer do so in steps that update alone
 * @param seconds in the kernel, the mean of all workers
 * @param longestSeconds in the kernel, the slowest worker of each run
 * @param waitSeconds at the barrier after it, the mean of all workers
 */
public record RecordTime(
    Node node,
    List<Node> fused,
    long count,
    double seconds,
    double longestSeconds,
    double waitSeconds) {
  /** Copies the list. */
  public RecordTime {
    fused = List.copyOf(fused);
  }

  /** The operation, and those that were done together with it. */
  public String operation() {
    return FusedNodes.operation(node, fused);
  }

  /** Floating-point operations of all the times that it ran, by {@link org.quern.ir.Op#cost}. */
  public double flops() {
    return (double) count * cost().flops();
  }

  /** Bytes read and written at the least, all the times that it ran. */
  public double bytes() {
    return (double) count * cost().bytes();
  }

  /** What it would have taken at the least on a machine that can do no more than this. */
  public double bestSeconds(Roofline roofline) {
    return count * roofline.seconds(node.op().kernel(), cost());
  }

  private Cost cost() {
    return FusedNodes.cost(node, fused);
  }
}
