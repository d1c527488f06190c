package org.quern.data;

/** Text or tokens that cannot be used: the message says what, where, what to do. */
public final class CorpusException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** An exception whose message is one sentence that a user can act on. */
  public CorpusException(String message) {
    super(message);
  }

  /** As above, with the failure underneath. */
  public CorpusException(String message, Throwable cause) {
    super(message, cause);
  }
}
