package org.quern.app;

import java.util.List;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;

/**
 * The commands. Of those that a call does not name only the name is made: reading all options of
 * all commands takes longer than everything else that a start does.
 */
final class Subcommands {
  private static final List<Class<?>> ALL =
      List.of(
          TrainCommand.class,
          GenerateCommand.class,
          TokenizeCommand.class,
          InspectCommand.class,
          DoctorCommand.class,
          CheckCommand.class,
          BenchCommand.class,
          HelpCommand.class,
          GenerateCompletion.class);

  private Subcommands() {}

  /** Adds the commands, for a call with these arguments; all in full where there are none. */
  static void addTo(CommandLine commandLine, String... arguments) {
    String first = arguments.length == 0 ? "" : arguments[0];
    boolean version = arguments.length == 1 && first.equals("--version");
    boolean named =
        ALL.stream()
            .filter(command -> command != HelpCommand.class && command != GenerateCompletion.class)
            .anyMatch(command -> name(command).equals(first));
    for (Class<?> command : ALL) {
      String name = name(command);
      boolean full = named ? name.equals(first) : !version;
      commandLine.addSubcommand(
          name, full ? new CommandLine(command) : new CommandLine(CommandSpec.create().name(name)));
    }
  }

  private static String name(Class<?> command) {
    return command.getAnnotation(Command.class).name();
  }
}
