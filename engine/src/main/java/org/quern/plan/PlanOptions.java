package org.quern.plan;

/**
 * How a graph is planned.
 *
 * @param guarded whether each tensor ends at a page that may not be touched and none shares memory
 *     with another, and no node is fused with another: for finding kernels that reach beyond an
 *     operand
 * @param fusesAll whether every row of nodes that can run as one does, not just those that gain by
 *     it: for finding what fusing would change. Guarded tensors are not fused.
 */
public record PlanOptions(boolean guarded, boolean fusesAll) {
  /** Memory reused as soon as it is free. */
  public static final PlanOptions STANDARD = new PlanOptions(false, false);
}
