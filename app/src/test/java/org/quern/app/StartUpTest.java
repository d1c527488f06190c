package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** What makes starts quick leaves commands as they are. */
final class StartUpTest {
  @Test
  void aPlainCallWritesWithTheTinyModel(@TempDir Path folder) {
    TinyModel.main(new String[] {folder.resolve("model").toString()});
    String[] call = {"generate", folder.resolve("model").toString(), "The mill"};
    assertThat(PlainCall.read(call)).isPresent();
    StringWriter out = new StringWriter();
    assertThat(Main.run(new PrintWriter(out), new PrintWriter(Writer.nullWriter()), call)).isZero();
    assertThat(out.toString()).startsWith("The mill");
  }

  @Test
  void onlyTheCommandThatIsCalledIsRead() {
    CommandLine all = Commands.of();
    all.getSubcommands()
        .forEach((name, command) -> {
          CommandLine.Model.CommandSpec expected = command.getCommandSpec();
          CommandLine one = Commands.of(name);
          assertThat(one.getSubcommands().keySet()).isEqualTo(all.getSubcommands().keySet());
          CommandLine.Model.CommandSpec found = one.getSubcommands().get(name).getCommandSpec();
          assertThat(found.optionsMap().keySet()).isEqualTo(expected.optionsMap().keySet());
          assertThat(found.subcommands().keySet()).isEqualTo(expected.subcommands().keySet());
        });
    assertThat(Commands.of("generate").getSubcommands().get("train").getCommandSpec())
        .extracting(spec -> spec.optionsMap().containsKey("--steps"))
        .isEqualTo(false);
    assertThat(Commands.of("help").getSubcommands().get("train").getCommandSpec())
        .extracting(spec -> spec.optionsMap().containsKey("--steps"))
        .isEqualTo(true);
  }
}
