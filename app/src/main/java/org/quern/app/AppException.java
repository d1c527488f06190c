package org.quern.app;

/** A command that cannot do what was asked. */
final class AppException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  AppException(String message) {
    super(message);
  }
}
