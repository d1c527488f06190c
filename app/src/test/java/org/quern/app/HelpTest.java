package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

final class HelpTest {
  @ParameterizedTest
  @ValueSource(strings = {"train", "generate", "tokenize", "inspect", "doctor", "check", "bench"})
  void everyCommandHasAnExample(String command) {
    Cli.Result help = Cli.run(command, "--help").succeeded();
    assertThat(help.out()).contains("Example").contains("  quern " + command);
    assertThat(help.err()).isEmpty();
    assertThat(Cli.run("help", command).succeeded().out()).isEqualTo(help.out());
  }

  @Test
  void withoutACommandHelpIsShown() {
    assertThat(Cli.run().succeeded().out()).contains("Examples:").contains("train", "doctor");
    assertThat(Cli.run("--help").out()).isEqualTo(Cli.run().out());
  }

  @Test
  void everyCommandTellsTheVersion() {
    String version = Cli.run("--version").succeeded().out();
    assertThat(version).startsWith("quern ").contains("Java " + Runtime.version());
    assertThat(Cli.run("train", "--version").succeeded().out()).isEqualTo(version);
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "generate", "tokenize", "inspect", "doctor", "check", "bench"})
  void anUnknownOptionIsAWrongCall(String command) {
    Cli.Result result = Cli.run(command, "--bogus", "a", "b");
    assertThat(result.code()).isEqualTo(2);
    result.oneSentence();
    assertThat(result.err()).contains("--bogus", "quern " + command + " --help");
    assertThat(result.out()).isEmpty();
  }

  @Test
  void anUnknownCommandIsAWrongCall() {
    Cli.Result result = Cli.run("tarin");
    assertThat(result.code()).isEqualTo(2);
    result.oneSentence();
  }

  @Test
  void aMissingArgumentIsAWrongCall() {
    for (String command : new String[] {"generate", "tokenize", "inspect", "check"}) {
      Cli.Result result = Cli.run(command);
      assertThat(result.code()).as(command).isEqualTo(2);
      result.oneSentence();
    }
  }

  @Test
  void aWordInPlaceOfANumberIsAWrongCall() {
    for (String option : new String[] {"--steps", "--batch", "--learning-rate", "--layers"}) {
      Cli.Result result = Cli.run("train", option, "many");
      assertThat(result.code()).as(option).isEqualTo(2);
      result.oneSentence();
      assertThat(result.err()).contains(option, "many");
    }
  }

  @Test
  void optionsOfTheSameNameMeanTheSame() {
    Map<String, String> meaning = new LinkedHashMap<>();
    for (CommandLine command : Commands.of().getSubcommands().values()) {
      for (OptionSpec option : command.getCommandSpec().options()) {
        if (option.longestName().matches("--(backend|max-isa|threads|memory|stacktrace)")) {
          String description = String.join(" ", option.description());
          assertThat(meaning.putIfAbsent(option.longestName(), description))
              .isIn(null, description);
        }
      }
    }
    assertThat(meaning).containsKeys("--backend", "--max-isa", "--threads", "--memory");
  }
}
