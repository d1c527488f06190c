package org.quern.bindings;

/** Why one attempt failed: thrown and caught inside this package. */
final class Refusal extends Exception {
  private static final long serialVersionUID = 1L;

  private final Verdict verdict;
  private final String reason;

  /**
   * A refusal.
   *
   * @param reason a clause without a full stop
   */
  Refusal(Verdict verdict, String reason) {
    super(reason, null, false, false);
    this.verdict = verdict;
    this.reason = reason;
  }

  Verdict verdict() {
    return verdict;
  }

  String reason() {
    return reason;
  }
}
