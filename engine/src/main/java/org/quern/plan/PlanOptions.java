package org.quern.plan;

/**
 * How a graph is planned.
 *
 * @param guarded whether each tensor ends at a page that may not be touched and none shares memory
 *     with another, and no node is fused with another: for finding kernels that reach beyond an
 *     operand
 */
public record PlanOptions(boolean guarded) {
  /** Memory reused as soon as it is free. */
  public static final PlanOptions STANDARD = new PlanOptions(false);
}
