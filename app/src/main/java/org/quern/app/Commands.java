package org.quern.app;

import picocli.CommandLine;
import picocli.CommandLine.IExecutionStrategy;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.RunLast;

/**
 * The command line with its conventions: exit codes, and errors of one sentence. It does not stand
 * in {@link Main}, which Java could then not verify without Picocli's classes: a start that needs
 * none of them ({@link PlainCall}) does not open its jar.
 */
final class Commands {
  private Commands() {}

  /**
   * The command line.
   *
   * @param arguments what it will be called with; of commands that they do not name it knows the
   *     name alone. None for all commands
   */
  static CommandLine of(String... arguments) {
    Main main = new Main();
    CommandLine commandLine = new CommandLine(main);
    Subcommands.addTo(commandLine, arguments);
    // A prompt may begin with @.
    commandLine.setExpandAtFiles(false);
    commandLine.setParameterExceptionHandler(Commands::wrongCall);
    commandLine.setExecutionExceptionHandler((exception, command, result) -> {
      Errors.failure(exception, command.getOut(), command.getErr(), main.stackTrace);
      return command.getCommandSpec().exitCodeOnExecutionException();
    });
    IExecutionStrategy last = new RunLast();
    commandLine.setExecutionStrategy(result -> {
      try {
        return last.execute(result);
      } catch (OutOfMemoryError e) {
        Errors.heapIsFull(e, commandLine.getOut(), commandLine.getErr(), main.stackTrace);
        return commandLine.getCommandSpec().exitCodeOnExecutionException();
      }
    });
    return commandLine;
  }

  private static int wrongCall(ParameterException exception, String[] arguments) {
    CommandLine command = exception.getCommandLine();
    String message = exception.getMessage();
    String what = Errors.sentence(message == null ? "This is no command that can be run" : message);
    command
        .getErr()
        .println(
            "quern: "
                + what.substring(0, what.length() - 1)
                + "; see '"
                + command.getCommandSpec().qualifiedName()
                + " --help'.");
    command.getErr().flush();
    return command.getCommandSpec().exitCodeOnInvalidInput();
  }
}
