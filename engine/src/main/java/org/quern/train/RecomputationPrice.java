package org.quern.train;

import java.util.Locale;
import org.quern.memory.Bytes;

/**
 * What recomputation saves and costs, by the plans of a step with and without it.
 *
 * @param activationBytes all activations
 * @param keptBytes all activations, were everything kept
 * @param flops what is computed once more in a step
 * @param stepFlops a step without that
 */
public record RecomputationPrice(long activationBytes, long keptBytes, long flops, long stepFlops) {
  /** The share of a step's operations that are done once more. */
  public double share() {
    return (double) flops / stepFlops;
  }

  /** A sentence with all of it. */
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "Recomputing blocks: activations take %s instead of %s, for %.4g GFLOP more a step (+%.1f %%).",
        Bytes.toString(activationBytes),
        Bytes.toString(keptBytes),
        flops / 1e9,
        100 * share());
  }
}
