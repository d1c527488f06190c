package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code generate}, {@code tokenize}, {@code inspect} and {@code doctor}. */
final class ModelCommandsTest {
  @ParameterizedTest
  @ValueSource(strings = {"native", "vector"})
  void theStoriesAreThoseOfTheReference(String backend) throws IOException {
    Path model = Cli.shared("models/stories260k");
    if (backend.equals("native")) {
      Cli.requireNative();
    }
    JsonNode stories = new JsonMapper().readTree(Files.readString(model.resolve("greedy.json")));
    int checked = backend.equals("native") ? stories.size() : 1;
    for (JsonNode story : stories.valueStream().limit(checked).toList()) {
      Cli.Result result =
          Cli.run(
                  "generate",
                  model,
                  story.path("prompt").asString(),
                  "--max-tokens",
                  story.path("greedy_ids").size(),
                  "--ignore-end",
                  "--threads",
                  1,
                  "--backend",
                  backend)
              .succeeded();
      assertThat(result.out().stripTrailing())
          .isEqualTo(story.path("text").asString().stripTrailing());
      assertThat(result.err()).contains("prompt tokens", "new tokens", "tokens/s");
    }
  }

  @Test
  void samplingFollowsTheSeed() {
    Path model = Cli.shared("models/stories260k");
    String first = sample(model, 7);
    assertThat(sample(model, 7)).isEqualTo(first);
    assertThat(sample(model, 8)).isNotEqualTo(first);
  }

  private static String sample(Path model, int seed) {
    return Cli.run(
            "generate",
            model,
            "Once upon a time",
            "--max-tokens",
            30,
            "--temperature",
            0.9,
            "--top-k",
            40,
            "--top-p",
            0.95,
            "--min-p",
            0.01,
            "--repetition-penalty",
            1.1,
            "--seed",
            seed)
        .succeeded()
        .out();
  }

  @ParameterizedTest
  @ValueSource(strings = {"--top-k=5", "--top-p=0.9", "--min-p=0.1", "--length-penalty=2"})
  void whatHasNoEffectIsNotTakenForOne(String option) {
    Cli.run("generate", "nosuch", "Once", option)
        .failedWith(option.substring(0, option.indexOf('=')), "no effect", "leave");
  }

  /** Ctrl-C leaves checkpoints and no model. */
  @Test
  void aRunThatWasInterruptedWritesFromItsNewestCheckpoint(@TempDir Path folder)
      throws IOException {
    Path run = folder.resolve("run");
    Cli.run(Cli.tiny(Cli.text(folder.resolve("text.txt"), 3000), run, "--steps", 4)).succeeded();
    Object[] call = {"generate", run, "the", "--max-tokens", 5, "--threads", 1};
    String expected = Cli.run(call).succeeded().out();
    Files.move(run.resolve("model"), folder.resolve("elsewhere"));
    assertThat(Cli.run(call).succeeded().out()).isEqualTo(expected);
    Cli.run("inspect", run).succeeded();
  }

  /** Reading the prompt and searching are timed apart. */
  @Test
  void beamSearchHasARate() {
    Path model = Cli.shared("models/stories260k");
    Cli.Result result =
        Cli.run("generate", model, "Once upon", "--beams", 8, "--max-tokens", 40, "--threads", 1)
            .succeeded();
    Matcher rate = Pattern.compile("([0-9.]+) tokens/s").matcher(result.err());
    assertThat(rate.find()).as(result.err()).isTrue();
    assertThat(Double.parseDouble(rate.group(1))).isBetween(0.1, 50_000.0);
  }

  @Test
  void aStopWordEndsTheTextAndIsNoPartOfIt() {
    Path model = Cli.shared("models/stories260k");
    Cli.Result result =
        Cli.run("generate", model, "Once upon a time", "--stop", "play", "--stop", "nothing");
    assertThat(result.succeeded().out()).doesNotContain("play");
    assertThat(result.err()).contains("stop word");
    assertThat(Cli.run("generate", model, "Once", "--max-tokens", 0).succeeded().out().strip())
        .isEqualTo("Once");
  }

  @Test
  void beamSearchWrites() {
    Path model = Cli.shared("models/stories260k");
    assertThat(
            Cli.run("generate", model, "Once", "--beams", 4, "--max-tokens", 12).succeeded().out())
        .startsWith("Once");
  }

  @Test
  void tokensGoThereAndBack() {
    Path model = Cli.shared("models/stories260k");
    String ids = Cli.run("tokenize", model, "Once upon a time", "--ids").succeeded().out().strip();
    assertThat(ids).isEqualTo("1 403 407 261 378");
    assertThat(Cli.run("tokenize", model, "--decode", ids).succeeded().out())
        .contains("Once upon a time");
    assertThat(
            Cli.run("tokenize", model, "Once upon a time", "--ids", "--no-special").out().strip())
        .isEqualTo("403 407 261 378");
    Cli.Result table = Cli.run("tokenize", model.resolve("tokenizer.json"), "Once upon a time");
    assertThat(table.succeeded().lines()).hasSize(6);
    assertThat(table.lastLine()).startsWith("5 tokens");
    assertThat(Cli.run("tokenize", model, "", "--no-special").succeeded().lastLine())
        .startsWith("0 tokens");
    assertThat(Cli.run("tokenize", model, "--decode", "").succeeded().out().strip()).isEmpty();
  }

  @Test
  void inspectTellsTensorsAndSizes() throws IOException {
    Path model = Cli.shared("models/stories260k");
    Cli.Result table = Cli.run("inspect", model).succeeded();
    assertThat(table.out())
        .contains("config.json", "llama", "model.embed_tokens.weight", "[512, 64]", "260,032");
    JsonNode json =
        new JsonMapper().readTree(Cli.run("inspect", model, "--json").succeeded().out());
    assertThat(json.path("elements").asLong()).isEqualTo(260_032);
    assertThat(json.path("bytes").asLong()).isEqualTo(4 * 260_032);
    JsonNode first = json.path("tensors").get(0);
    assertThat(first.path("name").asString()).isNotEmpty();
    assertThat(first.path("dtype").asString()).isEqualTo("F32");
    assertThat(first.path("shape").size()).isPositive();
    Cli.Result file = Cli.run("inspect", model.resolve("model.safetensors")).succeeded();
    assertThat(file.out()).contains("model.embed_tokens.weight");
  }

  @Test
  void doctorNamesWhatWasChosenAndWhy() {
    Cli.Result result = Cli.run("doctor", "--threads", 1, "--memory", "512M").succeeded();
    assertThat(result.err()).isEmpty();
    assertThat(result.out())
        .contains("Java", Runtime.version().toString())
        .contains("Native library", "Vector API", "Processors")
        .contains("Memory", "512.0 MiB", "--memory", "QUERN_MEMORY")
        .contains("backend", "1 thread", "--threads", "QUERN_THREADS");
  }

  @Test
  void doctorMeasuresTheRoofline() {
    assertThat(Cli.run("doctor", "--measure").succeeded().out())
        .containsPattern(
            "Roofline +[a-z0-9]+: F32 [0-9.]+ GFLOP/s, .*INT8 [0-9.]+; memory read at [0-9.]+ GB/s");
    assertThat(Cli.run("doctor").succeeded().out()).doesNotContain("Roofline");
  }

  @Test
  void doctorNamesTheInstructionSet() {
    Cli.requireNative();
    assertThat(Cli.run("doctor", "--max-isa", "scalar", "--memory", "64M").succeeded().out())
        .containsPattern("Chosen +.*backend native \\(scalar")
        .containsPattern("Precision +For training, auto: Products .* For writing, auto: Products");
    assertThat(Cli.run("doctor", "--backend", "vector").succeeded().lastLine())
        .contains("backend vector");
  }

  @Test
  void doctorSaysWhatAutoWouldTake() {
    Cli.requireNative();
    assertThat(Cli.run("doctor").succeeded().lastLine())
        .containsPattern(
            "Precision +For training, auto: Products in bf16 run [0-9.]+ times .* was chosen\\. For"
                + " writing, auto: A token's products in bf16 run [0-9.]+ times .* was chosen\\.");
  }
}
