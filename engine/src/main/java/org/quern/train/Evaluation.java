package org.quern.train;

/**
 * The loss on text that was not trained on.
 *
 * @param loss the mean over all counted labels, in nats a token
 * @param labels how many counted
 */
public record Evaluation(double loss, long labels) {
  /** {@code exp(loss)}. */
  public double perplexity() {
    return Math.exp(loss);
  }

  /** The loss of all labels together over so many characters (or bytes), in nats. */
  public double lossPer(long units) {
    return loss * labels / units;
  }
}
