package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What users get wrong: exit code 1, one sentence, and nothing lost or left behind. */
final class BadInputTest {
  @TempDir private Path folder;
  private Path text;
  private Path out;

  @BeforeEach
  void makeText() throws IOException {
    text = Cli.text(folder.resolve("text.txt"), 3000);
    out = folder.resolve("run");
  }

  /** The library would forget the other options of the group, and train something else. */
  @ParameterizedTest
  @ValueSource(strings = {"--layers=2", "--steps=9", "--tokens=bytes", "--beta1=0.5"})
  void anOptionIsGivenOnce(String again) {
    Object[] all =
        Stream.concat(
                Arrays.stream(Cli.tiny(text, out, "--steps", 3, "--beta1", 0.9)), Stream.of(again))
            .toArray();
    Cli.Result result = Cli.run(all);
    assertThat(result.code()).isEqualTo(2);
    assertThat(result.err()).contains(again.substring(0, again.indexOf('=')), "only once");
    assertThat(out).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource({
    "--optimizer,      adam,      adam",
    "--schedule,       square,    square",
    "--model,          gpt5,      gpt5",
    "--tokens,         words,     words",
    "--held-out,       1,         held-out",
    "--held-out,       0,         held-out",
    "--held-out,       NaN,       held-out",
    "--steps,          0,         steps",
    "--steps,          -3,        steps",
    "--minutes,        -1,        minutes",
    "--minutes,        NaN,       minutes",
    "--batch,          0,         batch",
    "--accumulate,     0,         batches",
    "--layers,         0,         --layers",
    "--heads,          3,         3",
    "--heads,          -1,        --heads",
    "--channels,       2000000000, --channels",
    "--context,        0,         --context",
    "--kv-heads,       2,         --kv-heads",
    "--feed-forward,   -8,        --feed-forward",
    "--dropout,        1.5,       dropout",
    "--dropout,        NaN,       dropout",
    "--learning-rate,  -1,        learning rate",
    "--learning-rate,  NaN,       learning rate",
    "--min-learning-rate, 5,      learning rate",
    "--warmup,         -1,        warm-up",
    "--warmup,         99,        warm-up",
    "--beta1,          1.5,       beta1",
    "--beta2,          -1,        beta2",
    "--epsilon,        -1,        epsilon",
    "--weight-decay,   -1,        weight decay",
    "--clip,           -1,        norm",
    "--eval-every,     -1,        evaluations",
    "--eval-batches,   -1,        evaluation",
    "--checkpoint-every, -1,      checkpoints",
    "--sample-every,   -1,        samples",
    "--prompt,         '',        prompt",
    "--prompt,         ЖЖЖ,       Ж",
    "--threads,        0,         threads",
    "--threads,        100000,    threads",
    "--memory,         lots,      lots",
    "--memory,         1M,        1.00 MiB",
    "--memory,         99999999T, memory",
    "--backend,        abacus,    abacus",
    "--max-isa,        mmx,       mmx",
  })
  void trainRefuses(String option, String value, String named) {
    Object[] call =
        option.equals("--steps")
            ? Cli.tiny(text, out, option, value)
            : Cli.tiny(text, out, "--steps", 4, option, value);
    Cli.run(call).failedWith(named);
    assertThat(out).doesNotExist();
  }

  @Test
  void trainRefusesAPromptLongerThanTheContext() {
    Cli.run(Cli.tiny(text, out, "--steps", 4, "--prompt", "the mill turns and turns and turns"))
        .failedWith("prompt", "16");
    assertThat(out).doesNotExist();
  }

  @Test
  void trainRefusesWsdThatDoesNotFit() {
    Cli.run(Cli.tiny(text, out, "--steps", 10, "--schedule", "wsd", "--warmup", 6, "--decay", 6))
        .failedWith("decay");
  }

  @Test
  void trainRefusesTooManyTokensForBpe() {
    for (int vocabulary : new int[] {-1, 0, 5}) {
      Cli.run(Cli.tiny(text, out, "--steps", 4, "--tokens", "bpe", "--vocabulary", vocabulary))
          .failedWith(String.valueOf(vocabulary));
      assertThat(out).doesNotExist();
    }
  }

  static Stream<Arguments> badTexts() {
    return Stream.of(
        Arguments.of("empty", new byte[0], "empty"),
        Arguments.of("short", "abc".getBytes(StandardCharsets.UTF_8), "token"),
        Arguments.of("latin1", latin1(), "UTF-8"));
  }

  private static byte[] latin1() {
    byte[] bytes = new byte[4000];
    Arrays.fill(bytes, (byte) 'a');
    bytes[2000] = (byte) 0xe9;
    return bytes;
  }

  @ParameterizedTest
  @MethodSource("badTexts")
  void trainRefusesText(String name, byte[] content, String named) throws IOException {
    Path file = Files.write(folder.resolve(name + ".txt"), content);
    for (String tokens : new String[] {"characters", "bytes", "bpe"}) {
      Cli.run(Cli.tiny(file, out, "--steps", 4, "--tokens", tokens)).failedWith(named);
      assertThat(out).doesNotExist();
    }
  }

  @Test
  void trainRefusesMissingText() throws IOException {
    Cli.run(Cli.tiny(folder.resolve("nowhere"), out, "--steps", 4)).failedWith("nowhere");
    Path empty = Files.createDirectory(folder.resolve("emptyfolder"));
    Cli.run(Cli.tiny(empty, out, "--steps", 4)).failedWith("emptyfolder");
    assertThat(out).doesNotExist();
  }

  @Test
  void trainNeverWritesWhereSomethingIs() throws IOException {
    Files.createDirectory(out);
    Path precious = Files.writeString(out.resolve("precious.txt"), "mine");
    Cli.run(Cli.tiny(text, out, "--steps", 4)).failedWith("not empty", "--out");
    assertThat(precious).hasContent("mine");
    assertThat(out).isDirectoryNotContaining(path -> !path.equals(precious));
    Cli.run(Cli.tiny(text, precious, "--steps", 4)).failedWith("is a file");
    Cli.run(Cli.tiny(text, precious.resolve("below"), "--steps", 4)).failedWith("precious.txt");
    assertThat(precious).hasContent("mine");
  }

  @Test
  void aFolderThatWasThereStaysAfterAFailure() throws IOException {
    Files.createDirectory(out);
    Cli.run(Cli.tiny(text, out, "--steps", 4, "--memory", "1M")).failedWith("budget");
    assertThat(out).isEmptyDirectory();
  }

  @Test
  void resumeRefusesWhatIsNoRunAndOptionsOfAnother() throws IOException {
    Cli.run("train", "--resume", folder).failedWith("run.json");
    Cli.run("train", "--resume", folder, "--batch", 3).failedWith("--batch");
    Path run = Files.createDirectory(folder.resolve("broken"));
    Path json = run.resolve("run.json");
    Files.writeString(json, "{\"arguments\": [\"train\", \"--bogus\"], \"steps\": 3}");
    Cli.run("train", "--resume", run).failedWith("run.json", "--bogus");
    Files.writeString(json, "{\"arguments\": [\"doctor\"], \"steps\": 3}");
    Cli.run("train", "--resume", run).failedWith("run.json");
    Files.writeString(json, "{\"arguments\": [\"train\"]}");
    Cli.run("train", "--resume", run).failedWith("run.json", "steps");
    Files.writeString(json, "{\"argum");
    Cli.run("train", "--resume", run).failedWith("run.json");
  }

  @ParameterizedTest
  @CsvSource({
    "--max-tokens,          -1,   new tokens",
    "--temperature,         -1,   temperature",
    "--temperature,         NaN,  temperature",
    "--top-k,               -1,   top-k",
    "--top-p,               0,    top-p",
    "--top-p,               2,    top-p",
    "--min-p,               -1,   min-p",
    "--repetition-penalty,  0,    penalty",
    "--beams,               0,    beams",
    "--length-penalty,      NaN,  penalty",
    "--stop,                '',   stop",
    "--backend,             abacus, abacus",
    "--max-isa,             mmx,  mmx",
    "--threads,             -2,   threads",
    "--memory,              1K,   budget",
  })
  void generateRefuses(String option, String value, String named) {
    Path model = Cli.shared("models/stories260k");
    Cli.run("generate", model, "Once", option, value).failedWith(named);
  }

  @Test
  void generateRefusesBeamsThatSample() {
    Path model = Cli.shared("models/stories260k");
    Cli.run("generate", model, "Once", "--beams", 4, "--temperature", 1).failedWith("temperature");
  }

  @Test
  void generateRefusesAPromptThatIsTooLongOrEmpty() {
    Path model = Cli.shared("models/stories260k");
    Cli.Result result = Cli.run("generate", model, "Once upon a time ".repeat(300));
    result.failedWith("prompt", "512");
  }

  static Stream<String> damages() {
    return Stream.of(
        "no folder",
        "no config",
        "no weights",
        "truncated",
        "header",
        "contradiction",
        "type",
        "no json",
        "tokenizer");
  }

  @ParameterizedTest
  @MethodSource("damages")
  void damagedModelsAreRefused(String damage) throws IOException {
    Path model = folder.resolve("model");
    Path weights = model.resolve("model.safetensors");
    Path config = model.resolve("config.json");
    Cli.copy(Cli.shared("models/stories260k"), model);
    String named;
    switch (damage) {
      case "no folder" -> {
        model = folder.resolve("elsewhere");
        named = "elsewhere";
      }
      case "no config" -> {
        Files.delete(config);
        named = "config.json";
      }
      case "no weights" -> {
        Files.delete(weights);
        named = "model.safetensors";
      }
      case "truncated" -> {
        Files.write(weights, Arrays.copyOf(Files.readAllBytes(weights), 500_000));
        named = "model.safetensors";
      }
      case "header" -> {
        byte[] bytes = Files.readAllBytes(weights);
        Arrays.fill(bytes, 0, 8, (byte) 0x7f);
        Files.write(weights, bytes);
        named = "model.safetensors";
      }
      case "contradiction" -> {
        replace(config, "\"hidden_size\": 64", "\"hidden_size\": 96");
        named = "config.json";
      }
      case "type" -> {
        replace(config, "\"model_type\": \"llama\"", "\"model_type\": \"abacus\"");
        named = "abacus";
      }
      case "no json" -> {
        Files.writeString(config, "{\"model_type\": ");
        named = "config.json";
      }
      default -> {
        Files.writeString(model.resolve("tokenizer.json"), "{}");
        named = "tokenizer.json";
      }
    }
    Cli.run("generate", model, "Once").failedWith(named);
  }

  private static void replace(Path file, String old, String replacement) throws IOException {
    String text = Files.readString(file);
    assertThat(text).contains(old);
    Files.writeString(file, text.replace(old, replacement));
  }

  @Test
  void otherCommandsRefuseWhatIsNotThere() {
    Path gone = folder.resolve("gone");
    Cli.run("inspect", gone).failedWith("gone");
    Cli.run("inspect", text).failedWith("text.txt");
    Cli.run("tokenize", gone, "text").failedWith("gone");
    Cli.run("tokenize", text, "text").failedWith("text.txt");
    Cli.run("check", gone).failedWith("gone");
    Cli.run("check", folder).failedWith(folder.toString());
    Cli.run("doctor", "--max-isa", "mmx").failedWith("mmx");
    Cli.run("doctor", "--backend", "abacus").failedWith("abacus");
    Cli.run("doctor", "--memory", "lots").failedWith("lots");
  }

  @Test
  void tokenizeRefusesIdsThatAreNone() {
    Path model = Cli.shared("models/stories260k");
    Cli.run("tokenize", model, "--decode", "1 two").failedWith("two");
    Cli.run("tokenize", model, "--decode", "1 99999").failedWith("99999");
    Cli.run("tokenize", model, "--decode", "1 -5").failedWith("-5");
  }

  @Test
  void theStackTraceIsThereWhenAskedFor() {
    Cli.Result result = Cli.run("inspect", "--stacktrace", folder.resolve("gone"));
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.err()).contains("\tat org.quern");
  }
}
