package org.quern.bindings;

/** A native library that cannot be loaded, or is not what its manifest says. */
public final class NativeLibraryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** An exception whose message says what was refused, where, and what to do about it. */
  public NativeLibraryException(String message) {
    super(message);
  }

  /** As {@link #NativeLibraryException(String)}, with what lies beneath. */
  public NativeLibraryException(String message, Throwable cause) {
    super(message, cause);
  }
}
