package org.quern.train;

/**
 * What of the forward pass is made again in the backward pass rather than kept (activation
 * checkpointing, Chen et al. 2016). It changes memory and time, and no result.
 */
public enum Recompute {
  /** Nothing: every activation that the backward pass reads is kept. */
  NONE,
  /** All of each block of the Transformer but its input. */
  BLOCKS
}
