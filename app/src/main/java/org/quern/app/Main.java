package org.quern.app;

import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** The command line. */
@Command(
    name = "quern",
    description = "Trains language models and writes text with them, on the CPU of this machine.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    subcommands = {
      TrainCommand.class,
      GenerateCommand.class,
      TokenizeCommand.class,
      InspectCommand.class,
      DoctorCommand.class,
      CheckCommand.class,
      GenerateCompletion.class
    },
    footer = {
      "",
      "Examples:",
      "  quern train                        train a small model for two minutes",
      "  quern generate runs/last 'class '  write text with it",
      "  quern doctor                       see what the engine runs on"
    })
public final class Main implements Runnable {
  /** Whether errors come with a stack trace. */
  @Option(
      names = "--stacktrace",
      scope = ScopeType.INHERIT,
      description = "Print the stack trace of an error.")
  boolean stackTrace;

  @CommandLine.Spec
  private CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();

  @Override
  public void run() {
    spec.commandLine().usage(spec.commandLine().getOut());
  }

  /** The command line with its conventions: exit codes, and errors of one sentence. */
  static CommandLine commandLine() {
    Main main = new Main();
    CommandLine commandLine = new CommandLine(main);
    commandLine.setCaseInsensitiveEnumValuesAllowed(true);
    commandLine.setParameterExceptionHandler(Errors::usage);
    commandLine.setExecutionExceptionHandler(
        (exception, command, result) -> Errors.failure(exception, command, main.stackTrace));
    return commandLine;
  }

  /** Runs a command and exits: 0 if it did what it should, 1 if not, 2 for a wrong call. */
  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }
}
