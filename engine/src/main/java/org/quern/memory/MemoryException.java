package org.quern.memory;

/** Memory that cannot be had, or is used after it was closed. */
public final class MemoryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** An exception whose message says how much was asked for, how much there is and what to do. */
  public MemoryException(String message) {
    super(message);
  }
}
