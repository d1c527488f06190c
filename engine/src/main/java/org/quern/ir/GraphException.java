package org.quern.ir;

/** A graph that cannot be built: shapes, types or attributes that do not fit together. */
public final class GraphException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** An exception whose message says which operation, what was given and what would fit. */
  public GraphException(String message) {
    super(message);
  }
}
