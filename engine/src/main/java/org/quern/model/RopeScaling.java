package org.quern.model;

/** How the frequencies of rotary positions are stretched for a longer context. */
public sealed interface RopeScaling {
  /** Not at all (Su et al. 2021). */
  record None() implements RopeScaling {}

  /**
   * All by one factor (Chen et al. 2023, position interpolation).
   *
   * @param factor the stretch
   */
  record Linear(double factor) implements RopeScaling {}

  /**
   * The low frequencies by a factor, the high ones not, those between in part (Llama 3.1).
   *
   * @param factor the stretch of the low frequencies
   * @param lowFrequencyFactor wavelengths above the original context by this are low
   * @param highFrequencyFactor wavelengths below the original context by this are high
   * @param originalContext the context of the pre-training
   */
  record Llama3(
      double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalContext)
      implements RopeScaling {}
}
