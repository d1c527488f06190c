package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** Calls that are read without Picocli mean what they mean with it. */
final class PlainCallTest {
  /** Options of one value that are left to Picocli: one may come twice, one has a unit. */
  private static final Set<String> LEFT = Set.of("--stop", "--memory");

  private static GenerateCommand read(String... arguments) {
    CommandLine.ParseResult result = Commands.of(arguments).parseArgs(arguments);
    return (GenerateCommand) result.subcommand().commandSpec().userObject();
  }

  private static void readsAlike(String... arguments) {
    assertThat(PlainCall.read(arguments).orElseThrow())
        .as(List.of(arguments).toString())
        .usingRecursiveComparison()
        .ignoringFields("spec")
        .isEqualTo(read(arguments));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "generate|runs/last",
        "generate|m|Once upon a time|--max-tokens|1",
        "generate|--max-tokens|999999999|m|two words",
        "generate|m|help",
        "generate|m|@text",
        "generate|m|--top-k|40|--top-p|0.95|--min-p|0.05|x",
        "generate|m|ü|--temperature|00.70|--repetition-penalty|1.1|--seed|7",
        "generate|m|a=b|--beams|4|--length-penalty|2|--threads|2|--backend|native",
        "generate|m|${x}|--max-isa|avx2|--precision|bf16",
        "generate|m|\"q\"|--backend|\"q\"",
      })
  void plainCallsAreReadAlike(String call) {
    readsAlike(call.split("\\|"));
  }

  @Test
  void everyOptionOfOneValueIsKnown() {
    CommandLine generate = Commands.of("generate").getSubcommands().get("generate");
    List<String> names =
        generate.getCommandSpec().options().stream()
            .filter(option -> option.arity().max() > 0)
            .map(OptionSpec::longestName)
            .filter(name -> !LEFT.contains(name))
            .toList();
    assertThat(names).hasSizeGreaterThan(10);
    names.forEach(name -> readsAlike("generate", "m", name, "3"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--version",
        "train",
        "generate",
        "generate|--help",
        "generate|m|-",
        "generate|m|--",
        "generate|m|p|q",
        "generate|m|p|--profile",
        "generate|m|p|--max-tokens",
        "generate|m|p|--max-tokens|-1",
        "generate|m|p|--max-tokens|010",
        "generate|m|p|--max-tokens|0x10",
        "generate|m|p|--max-tokens|1.5",
        "generate|m|p|--max-tokens|9999999999",
        "generate|m|p|--max-tokens=3",
        "generate|m|p|--max-tokens|3|--max-tokens|4",
        "generate|m|p|--temperature|warm",
        "generate|m|p|--temperature|1e3",
        "generate|m|p|--temperature|1.",
        "generate|m|p|--threads|two",
        "generate|m|p|--stop|x",
        "generate|m|p|--steps|3",
      })
  void allElseIsLeftToPicocli(String call) {
    assertThat(PlainCall.read(call.split("\\|"))).isEmpty();
  }

  @Test
  void emptyArgumentsAreLeftToPicocli() {
    assertThat(PlainCall.read()).isEmpty();
    assertThat(PlainCall.read("generate", "")).isEmpty();
    assertThat(PlainCall.read("generate", "m", "p", "--backend", "")).isEmpty();
  }
}
