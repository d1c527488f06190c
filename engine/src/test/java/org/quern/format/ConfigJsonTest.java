package org.quern.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ConfigJsonTest {
  private static final Path FILE = Path.of("some", "config.json");
  private static final String LLAMA =
      """
      {"model_type": "llama", "hidden_size": 64, "rms_norm_eps": 1e-06, "rope_theta": 10000,
       "tie_word_embeddings": true, "pad_token_id": null, "eos_token_id": [2, 3],
       "bos_token_id": 1, "architectures": ["LlamaForCausalLM"], "limit": Infinity,
       "rope_parameters": {"rope_type": "llama3", "factor": 8.0, "low": {"x": -1}}}\
      """;

  @TempDir Path folder;

  private static ConfigJson llama() {
    return ConfigJson.parse(FILE, LLAMA);
  }

  @Test
  void readsWhatIsThere() {
    ConfigJson config = llama();
    assertThat(config.requireString("model_type")).isEqualTo("llama");
    assertThat(config.requireInt("hidden_size", 1, 1 << 20)).isEqualTo(64);
    assertThat(config.requireDouble("rms_norm_eps", 0, 1)).isEqualTo(1e-6);
    assertThat(config.requireDouble("rope_theta", 1, 1e12)).isEqualTo(10000);
    assertThat(config.optionalBoolean("tie_word_embeddings", false)).isTrue();
    assertThat(config.ints("eos_token_id", 0, 100)).containsExactly(2, 3);
    assertThat(config.ints("bos_token_id", 0, 100)).containsExactly(1);
    assertThat(config.strings("architectures")).containsExactly("LlamaForCausalLM");
    assertThat(config.requireOneOf("model_type", Map.of("llama", 1, "gpt2", 2))).isEqualTo(1);
    ConfigJson rope = config.object("rope_parameters").orElseThrow();
    assertThat(rope.requireDouble("factor", 1, 100)).isEqualTo(8);
    assertThat(config.keys()).contains("limit").doesNotContain("pad_token_id");
    assertThat(config.file()).isEqualTo(FILE);
  }

  @Test
  void nullCountsAsAbsent() {
    ConfigJson config = llama();
    assertThat(config.has("pad_token_id")).isFalse();
    assertThat(config.optionalInt("pad_token_id", -1, 0, 9)).isEqualTo(-1);
    assertThat(config.optionalDouble("absent", 0.5, 0, 1)).isEqualTo(0.5);
    assertThat(config.optionalString("absent", "x")).isEqualTo("x");
    assertThat(config.optionalBoolean("absent", true)).isTrue();
    assertThat(config.ints("absent", 0, 1)).isEmpty();
    assertThat(config.strings("absent")).isEmpty();
    assertThat(config.object("rope_scaling")).isEmpty();
    assertThat(config.firstPresent("torch_dtype", "pad_token_id")).isEmpty();
    assertThat(config.firstPresent("n_embd", "hidden_size")).contains("hidden_size");
  }

  static Stream<Arguments> misfits() {
    return Stream.of(
        misfit(c -> c.requireInt("n_layer", 1, 9), "\"n_layer\" is missing", "from 1 to 9"),
        misfit(c -> c.requireInt("pad_token_id", 1, 9), "\"pad_token_id\" is missing", "from 1"),
        misfit(c -> c.requireInt("hidden_size", 65, 99), "\"hidden_size\" is 64", "from 65 to 99"),
        misfit(c -> c.requireInt("hidden_size", 1, 63), "\"hidden_size\" is 64", "from 1 to 63"),
        misfit(c -> c.requireInt("model_type", 1, 9), "is \"llama\"", "an integer"),
        misfit(c -> c.requireInt("rms_norm_eps", 0, 9), "\"rms_norm_eps\" is 1.0E-6", "integer"),
        misfit(c -> c.requireInt("architectures", 0, 9), "[\"LlamaForCausalLM\"]", "an integer"),
        misfit(c -> c.optionalInt("hidden_size", 1, 1, 2), "is 64", "from 1 to 2"),
        misfit(c -> c.requireDouble("limit", 0, 1e9), "\"limit\"", "a number from"),
        misfit(c -> c.requireDouble("model_type", 0, 1), "is \"llama\"", "a number from"),
        misfit(c -> c.requireDouble("rope_theta", 0, 1), "is 10000", "from 0.0 to 1.0"),
        misfit(c -> c.optionalBoolean("hidden_size", true), "is 64", "true or false"),
        misfit(c -> c.requireString("hidden_size"), "is 64", "a string"),
        misfit(c -> c.strings("model_type"), "is \"llama\"", "a list of strings"),
        misfit(c -> c.strings("eos_token_id"), "is [2,3]", "a list of strings"),
        misfit(c -> c.ints("eos_token_id", 0, 2), "is [2,3]", "from 0 to 2"),
        misfit(c -> c.ints("architectures", 0, 2), "LlamaForCausalLM", "integers"),
        misfit(c -> c.requireObject("hidden_size"), "is 64", "an object"),
        misfit(c -> c.requireObject("x"), "\"x\" is missing", "an object"),
        misfit(
            c -> c.requireOneOf("model_type", Map.of("gpt2", 1, "bert", 2)),
            "is \"llama\"",
            "one of [bert, gpt2]"),
        misfit(
            c -> c.requireObject("rope_parameters").requireObject("low").requireInt("x", 0, 9),
            "\"rope_parameters.low.x\" is -1",
            "from 0 to 9"),
        misfit(
            c -> {
              throw c.contradiction(List.of("hidden_size", "heads"), "heads do not divide it");
            },
            "\"hidden_size\" is 64 and \"heads\" is absent",
            "but heads do not divide it"));
  }

  private static Arguments misfit(Consumer<ConfigJson> asks, String found, String expected) {
    return Arguments.of(asks, found, expected);
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("misfits")
  void whatDoesNotFitIsRefused(Consumer<ConfigJson> asks, String found, String expected) {
    assertThatThrownBy(() -> asks.accept(llama()))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(FILE.toString())
        .hasMessageContaining(found)
        .hasMessageContaining(expected)
        .message()
        .endsWith(".")
        .matches("\\P{Cntrl}+");
  }

  @Test
  void hugeNumbersDoNotFitAndDoNoHarm() {
    String digits = "9".repeat(390);
    ConfigJson config =
        ConfigJson.parse(
            FILE,
            "{\"i\":%s,\"l\":4294967297,\"f\":1e999999,\"g\":%s.5}".formatted(digits, digits));
    for (String key : List.of("i", "l", "f", "g")) {
      assertThatThrownBy(() -> config.requireInt(key, 0, 9))
          .as(key)
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("\"" + key + "\"");
      assertThatThrownBy(() -> config.requireDouble(key, 0, 9))
          .as(key)
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("\"" + key + "\"");
    }
  }

  static Stream<Arguments> malformed() {
    return Stream.of(
        Arguments.of("empty", ""),
        Arguments.of("blank", " \n"),
        Arguments.of("list", "[]"),
        Arguments.of("string", "\"x\""),
        Arguments.of("null", "null"),
        Arguments.of("cut short", "{\"a\": 1"),
        Arguments.of("key twice", "{\"a\": 1, \"a\": 1}"),
        Arguments.of("key twice, deeper", "{\"a\": {\"b\": 1, \"b\": 2}}"),
        Arguments.of("goes on", "{} {}"),
        Arguments.of("comment", "{/**/}"),
        Arguments.of("single quotes", "{'a': 1}"),
        Arguments.of("lists, 1e5", "{\"a\":" + "[".repeat(100_000)),
        Arguments.of("objects, 1e5", "{\"a\":".repeat(100_000)),
        Arguments.of("digits, 1e5", "{\"a\":" + "1".repeat(100_000) + "}"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("malformed")
  void malformedTextIsRefused(String name, String json) throws IOException {
    Path file = Files.writeString(folder.resolve("config.json"), json);
    assertThatThrownBy(() -> ConfigJson.read(file))
        .as(name)
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(file.toString())
        .message()
        .endsWith(".")
        .matches("\\P{Cntrl}+");
  }

  @Test
  void refusesOtherEncodingsAbsentAndOversizedFiles() throws IOException {
    Path file = folder.resolve("config.json");
    assertThatThrownBy(() -> ConfigJson.read(file))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("does not exist");
    Files.write(file, "{\"a\":\"é\"}".getBytes(StandardCharsets.ISO_8859_1));
    assertThatThrownBy(() -> ConfigJson.read(file)).isInstanceOf(FormatException.class);
    Files.write(file, new byte[(16 << 20) + 1]);
    assertThatThrownBy(() -> ConfigJson.read(file))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("at most 16,777,216");
  }

  @Test
  void writesWhatItReads() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("model_type", "gpt2");
    object.put("n_embd", 48);
    object.put("layer_norm_epsilon", 1e-5);
    object.put("tie", true);
    object.put("architectures", List.of("GPT2LMHeadModel"));
    object.put("rope_parameters", Map.of("rope_theta", 5e5));
    Path file = folder.resolve("config.json");
    ConfigJson.write(file, object);
    ConfigJson config = ConfigJson.read(file);
    assertThat(config.keys()).containsExactlyElementsOf(object.keySet());
    assertThat(config.requireInt("n_embd", 1, 99)).isEqualTo(48);
    assertThat(config.requireDouble("layer_norm_epsilon", 0, 1)).isEqualTo(1e-5);
    assertThat(config.requireObject("rope_parameters").requireDouble("rope_theta", 0, 1e9))
        .isEqualTo(5e5);
    assertThat(folder.toFile().list()).containsExactly("config.json");
  }
}
