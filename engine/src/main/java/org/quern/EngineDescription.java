package org.quern;

import java.util.List;
import java.util.Optional;

/**
 * What an engine chose and why.
 *
 * @param backend {@code native} or {@code vector}
 * @param tier the kernels' instruction set, such as {@code avx2}
 * @param precision in what matrix products are computed: {@code f32} or {@code bf16}
 * @param precisionReason what was found about the precision, where another than {@code f32} was
 *     asked for
 * @param threads the number of workers
 * @param memoryBudget the most bytes that may be allocated
 * @param reasons a sentence for each choice and refusal, with what changes it
 */
public record EngineDescription(
    String backend,
    String tier,
    String precision,
    Optional<String> precisionReason,
    int threads,
    long memoryBudget,
    List<String> reasons) {
  /** Copies the list. */
  public EngineDescription {
    reasons = List.copyOf(reasons);
  }

  /** The choice in one sentence. */
  public String summary() {
    return "Quern runs on the backend "
        + backend
        + " ("
        + tier
        + ", "
        + precision
        + ", "
        + threads
        + (threads == 1 ? " thread" : " threads")
        + "). "
        + String.join(" ", reasons);
  }
}
