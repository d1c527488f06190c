package org.quern.profile;

import org.quern.ir.Node;

/**
 * What one record of a program took, over all runs that were timed.
 *
 * @param node the node that the record is of
 * @param count how often it ran; records of the optimizer do so in steps that update alone
 * @param seconds in the kernel, the mean of all workers
 * @param longestSeconds in the kernel, the slowest worker of each run
 * @param waitSeconds at the barrier after it, the mean of all workers
 */
public record RecordTime(
    Node node, long count, double seconds, double longestSeconds, double waitSeconds) {
  /** Floating-point operations of all the times that it ran, by {@link org.quern.ir.Op#cost}. */
  public double flops() {
    return (double) count * node.op().cost(node).flops();
  }

  /** Bytes read and written at the least, all the times that it ran. */
  public double bytes() {
    return (double) count * node.op().cost(node).bytes();
  }

  /** What it would have taken at the least on a machine that can do no more than this. */
  public double bestSeconds(Roofline roofline) {
    return count * roofline.seconds(node.op().cost(node));
  }
}
