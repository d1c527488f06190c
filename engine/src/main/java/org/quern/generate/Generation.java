package org.quern.generate;

import java.util.List;

/**
 * What was generated.
 *
 * @param text the new text, without the prompt and without a stop word
 * @param ids the new tokens, without an end token
 * @param promptTokens tokens of the prompt
 * @param reason why it ended
 * @param prefillSeconds the time until the first token
 * @param decodeSeconds the time for the others
 */
public record Generation(
    String text,
    List<Integer> ids,
    int promptTokens,
    FinishReason reason,
    double prefillSeconds,
    double decodeSeconds) {
  /** Copies the list. */
  public Generation {
    ids = List.copyOf(ids);
  }

  /** New tokens a second, the first not counted; 0 where there is no second one. */
  public double tokensPerSecond() {
    return ids.size() > 1 && decodeSeconds > 0 ? (ids.size() - 1) / decodeSeconds : 0;
  }
}
