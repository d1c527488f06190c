package org.quern.app;

import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/** How errors are told: one sentence, and a stack trace only if asked for. */
final class Errors {
  private Errors() {}

  static int usage(ParameterException exception, String[] arguments) {
    CommandLine command = exception.getCommandLine();
    command.getErr().println("quern: " + sentence(describe(exception)));
    command
        .getErr()
        .println("Try '" + command.getCommandSpec().qualifiedName() + " --help' for more.");
    return command.getCommandSpec().exitCodeOnInvalidInput();
  }

  static int failure(Exception exception, CommandLine command, boolean stackTrace) {
    PrintWriter err = command.getErr();
    err.println("quern: " + sentence(describe(exception)));
    if (stackTrace) {
      exception.printStackTrace(err);
    }
    err.flush();
    return command.getCommandSpec().exitCodeOnExecutionException();
  }

  private static String describe(Exception exception) {
    String message = exception.getMessage();
    boolean ours =
        exception.getClass().getName().startsWith("org.quern.")
            || exception instanceof ParameterException;
    if (message == null) {
      return exception.getClass().getSimpleName() + "; --stacktrace tells where.";
    }
    return ours ? message : exception.getClass().getSimpleName() + ": " + message;
  }

  private static String sentence(String message) {
    String line = message.strip().replaceAll("\\s*\\R\\s*", " ");
    return line.endsWith(".") ? line : line + ".";
  }
}
