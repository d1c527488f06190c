package org.quern.app;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/** How errors are told: one sentence, and a stack trace only if asked for. */
final class Errors {
  private Errors() {}

  static void failure(Exception exception, PrintWriter out, PrintWriter err, boolean stackTrace) {
    tell(exception, describe(exception), out, err, stackTrace);
  }

  static void heapIsFull(
      OutOfMemoryError error, PrintWriter out, PrintWriter err, boolean stackTrace) {
    String message =
        "The Java heap of "
            + (Runtime.getRuntime().maxMemory() >> 20)
            + " MiB is too small for this ("
            + error.getMessage()
            + "); give it more, such as QUERN_JAVA_OPTS=-Xmx8g.";
    tell(error, message, out, err, stackTrace);
  }

  private static void tell(
      Throwable cause, String message, PrintWriter out, PrintWriter err, boolean stackTrace) {
    // What was printed so far comes first where both go to one place.
    out.flush();
    err.println("quern: " + sentence(message));
    if (stackTrace) {
      cause.printStackTrace(err);
    }
    err.flush();
  }

  private static String describe(Exception exception) {
    if (exception instanceof UncheckedIOException
        && exception.getCause() instanceof IOException e) {
      return describe(e);
    }
    String message = exception.getMessage();
    if (message == null) {
      return exception.getClass().getSimpleName() + "; --stacktrace tells where.";
    }
    if (exception.getClass().getName().startsWith("org.quern.")) {
      return message;
    }
    return switch (exception) {
      case NoSuchFileException e -> "There is no file " + e.getFile() + ".";
      case AccessDeniedException e -> "No permission to read or write " + e.getFile() + ".";
      case FileSystemException e ->
          e.getFile()
              + " cannot be read or written ("
              + (e.getReason() == null ? e.getClass().getSimpleName() : e.getReason())
              + ").";
      case FileNotFoundException e -> "A file cannot be opened: " + message;
      case IOException e -> "Reading or writing failed: " + message;
      default ->
          exception.getClass().getSimpleName() + ": " + message + "; --stacktrace tells where.";
    };
  }

  /** Why a file or folder could not be used, for the brackets of a sentence. */
  static String reason(IOException failed) {
    return failed instanceof AccessDeniedException
        ? "no permission"
        : String.valueOf(failed.getMessage());
  }

  /** One line with a full stop. */
  static String sentence(String message) {
    String line = message.strip().replaceAll("\\s*\\R\\s*", " ");
    return line.endsWith(".") ? line : line + ".";
  }
}
