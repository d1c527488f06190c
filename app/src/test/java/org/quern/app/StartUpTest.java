package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** What makes starts quick leaves commands as they are and nothing behind. */
final class StartUpTest {
  private static List<Path> left() throws IOException {
    try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      return files.filter(file -> file.getFileName().toString().startsWith("quern-start")).toList();
    }
  }

  @Test
  void itDoesWhatCommandsDoAndLeavesNothing() throws IOException {
    List<Path> before = left();
    StartUp.main(new String[0]);
    assertThat(left()).isEqualTo(before);
  }

  @Test
  void onlyTheCommandThatIsCalledIsRead() {
    CommandLine all = Main.commandLine();
    all.getSubcommands()
        .forEach((name, command) -> {
          CommandLine.Model.CommandSpec expected = command.getCommandSpec();
          CommandLine one = Main.commandLine(name);
          assertThat(one.getSubcommands().keySet()).isEqualTo(all.getSubcommands().keySet());
          CommandLine.Model.CommandSpec found = one.getSubcommands().get(name).getCommandSpec();
          assertThat(found.optionsMap().keySet()).isEqualTo(expected.optionsMap().keySet());
          assertThat(found.subcommands().keySet()).isEqualTo(expected.subcommands().keySet());
        });
    assertThat(Main.commandLine("generate").getSubcommands().get("train").getCommandSpec())
        .extracting(spec -> spec.optionsMap().containsKey("--steps"))
        .isEqualTo(false);
    assertThat(Main.commandLine("help").getSubcommands().get("train").getCommandSpec())
        .extracting(spec -> spec.optionsMap().containsKey("--steps"))
        .isEqualTo(true);
  }
}
