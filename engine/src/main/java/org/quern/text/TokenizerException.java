package org.quern.text;

/** A tokenizer that cannot be read, written or used: the message says what, where, what to do. */
public final class TokenizerException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** An exception whose message is one sentence that a user can act on. */
  public TokenizerException(String message) {
    super(message);
  }

  /** As above, with the failure underneath. */
  public TokenizerException(String message, Throwable cause) {
    super(message, cause);
  }
}
