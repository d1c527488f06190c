package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.exec.nativecpu.NativeKernels;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

final class TrainCommandTest {
  private static final String LAST_LINE =
      "Validation loss: \\d+\\.\\d{4} nats a token, \\d+\\.\\d{4} nats a character";

  @TempDir private Path folder;
  private Path text;
  private Path out;

  @BeforeEach
  void makeText() throws IOException {
    text = Cli.text(folder.resolve("text.txt"), 4000);
    out = folder.resolve("run");
  }

  private List<JsonNode> log() throws IOException {
    JsonMapper mapper = new JsonMapper();
    List<JsonNode> entries = new ArrayList<>();
    for (String line : Files.readAllLines(out.resolve("log.jsonl"))) {
      entries.add(mapper.readTree(line));
    }
    return entries;
  }

  @Test
  void aRunLeavesAllThatIsPromised() throws IOException {
    Cli.Result result = Cli.run(Cli.tiny(text, out, "--steps", 10, "--eval-every", 4)).succeeded();
    assertThat(result.err()).isEmpty();
    assertThat(result.lastLine()).matches(LAST_LINE);
    assertThat(result.out()).contains("Unigram entropy", "Sample after step", "A sample:");

    assertThat(out.resolve("run.json")).isNotEmptyFile();
    assertThat(out.resolve("tokenizer/tokenizer.json")).isNotEmptyFile();
    for (String name : new String[] {"model", "checkpoint-10"}) {
      for (String file : new String[] {"config.json", "model.safetensors", "tokenizer.json"}) {
        assertThat(out.resolve(name).resolve(file)).isNotEmptyFile();
      }
    }
    assertThat(out.resolve("checkpoint-10/DONE")).isNotEmptyFile();

    List<JsonNode> entries = log();
    assertThat(entries).hasSize(10);
    for (int index = 0; index < entries.size(); index++) {
      JsonNode entry = entries.get(index);
      int step = index + 1;
      assertThat(entry.path("step").asInt()).isEqualTo(step);
      assertThat(entry.path("loss").asDouble()).isBetween(0.1, 10.0);
      assertThat(entry.path("learning_rate").asDouble()).isPositive();
      assertThat(entry.path("grad_norm").asDouble()).isPositive();
      assertThat(entry.path("tokens_per_second").asDouble()).isPositive();
      boolean evaluated = step % 4 == 0 || step == 10;
      assertThat(entry.has("val_loss")).as("val_loss of step %d", step).isEqualTo(evaluated);
    }

    BufferedImage picture = ImageIO.read(out.resolve("loss.png").toFile());
    assertThat(picture.getWidth()).isEqualTo(1000);
    assertThat(picture.getHeight()).isEqualTo(600);
    assertThat(coloursOf(picture)).isGreaterThan(3);

    Cli.Result generated = Cli.run("generate", out, "the mill", "--max-tokens", 5).succeeded();
    assertThat(generated.out()).startsWith("the mill").hasSizeGreaterThan("the mill".length() + 4);
  }

  private static long coloursOf(BufferedImage picture) {
    int width = picture.getWidth();
    int[] pixels = picture.getRGB(0, 0, width, picture.getHeight(), null, 0, width);
    return Arrays.stream(pixels).distinct().count();
  }

  @Test
  void whatEachPartOfTheMemoryTakesIsPrinted() {
    Object[] kept = Cli.tiny(text, folder.resolve("kept"), "--steps", 2, "--eval-every", 0);
    assertThat(Cli.run(kept).succeeded().out())
        .containsPattern(
            "Memory: parameters .*, gradients .*, optimizer state .*, activations .*, inputs .*,"
                + " programs .*, workers' scratch .*; .* in all\\.")
        .doesNotContain("Recomputing");
    Object[] folded =
        Cli.tiny(text, out, "--steps", 2, "--eval-every", 0, "--clip", 0, "--recompute", "blocks");
    assertThat(Cli.run(folded).succeeded().out())
        .containsPattern("Memory: parameters .*, optimizer state .*, activations ")
        .containsPattern(
            "Recomputing blocks: activations take .* instead of .*, for .* GFLOP more a step"
                + " \\(\\+.* %\\)\\.")
        .doesNotContain("gradients");
    Cli.run("train", "--resume", out, "--steps", 4, "--recompute", "none").succeeded();
  }

  @Test
  void aRunGoesOnWithWeightsInBf16() {
    assumeTrue(NativeKernels.find().isLoaded(), "skipped: the native library is not there");
    Object[] begun =
        Cli.tiny(text, out, "--steps", 2, "--precision", "bf16", "--bf16-weights", "off");
    assertThat(Cli.run(begun).succeeded().out()).doesNotContain("BF16 weights");
    assertThat(
            Cli.run("train", "--resume", out, "--steps", 4, "--bf16-weights", "on")
                .succeeded()
                .out())
        .containsPattern("Memory: parameters .*, BF16 weights .*, optimizer state ");
  }

  @Test
  void aProfileShowsWhereTheTimeWent() {
    Cli.Result result =
        Cli.run(Cli.tiny(text, out, "--steps", 12, "--eval-every", 0, "--profile", 5)).succeeded();
    assertThat(result.out())
        .containsOnlyOnce("Profile of a training step, ids [4, 16]: 5 runs of ")
        .contains("Roofline: ", "Matmul", "AdamW", "waiting at barriers");
    assertThat(result.lastLine()).matches(LAST_LINE);
    Cli.Result resumed =
        Cli.run("train", "--resume", out, "--steps", 14, "--threads", 1, "--profile").succeeded();
    assertThat(resumed.out()).contains("Profile of a training step, ids [4, 16]: 1 run of ");
    assertThat(Cli.run("train", "--resume", out, "--steps", 16).succeeded().out())
        .as("a run that is not resumed with it")
        .doesNotContain("Profile of");
    Cli.Result generated =
        Cli.run("generate", out, "the mill", "--max-tokens", 5, "--profile").succeeded();
    assertThat(generated.out()).startsWith("the mill").doesNotContain("Profile");
    assertThat(generated.err()).contains("Profile of a generation, ids [1, 1]", "Attention");
  }

  @Test
  void aProfileOfNoStepsIsRefused() {
    Cli.run(Cli.tiny(text, out, "--steps", 12, "--profile", 0)).failedWith("profile", "0");
    assertThat(out).doesNotExist();
  }

  @Test
  void trainingLearns() throws IOException {
    Cli.run(
            Cli.tiny(
                text,
                out,
                "--steps",
                120,
                "--learning-rate",
                "1e-2",
                "--sample-every",
                0,
                "--eval-every",
                0))
        .succeeded();
    List<JsonNode> entries = log();
    double first = entries.getFirst().path("loss").asDouble();
    double last = entries.getLast().path("val_loss").asDouble();
    assertThat(last).isLessThan(0.8 * first);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--tokens bytes",
        "--tokens bpe --vocabulary 300",
        "--optimizer sgd --momentum 0.5 --learning-rate 0.1",
        "--schedule constant",
        "--schedule linear --warmup 2",
        "--schedule wsd --warmup 1 --decay 2",
        "--accumulate 3",
        "--dropout 0.2",
        "--random-windows --seed 7",
        "--model llama --kv-heads 1",
        "--model llama --dropout 0.1 --feed-forward 24",
        "--clip 0 --weight-decay 0 --beta1 0.8 --beta2 0.9 --epsilon 1e-6",
        "--eval-every 0 --eval-batches 0 --checkpoint-every 0 --sample-every 0",
        "--context 1",
        "--context 2 --batch 1",
        "--prompt the",
        "--threads 2 --max-isa scalar",
        "--steps 1",
        "--held-out 0.5",
      })
  void everySettingTrains(String options) {
    List<Object> given = new ArrayList<>(List.of("--steps", 6));
    if (options.contains("--steps")) {
      given.clear();
    }
    given.addAll(List.of(options.split(" ")));
    Cli.Result result = Cli.run(Cli.tiny(text, out, given.toArray())).succeeded();
    assertThat(result.lastLine()).matches(LAST_LINE);
    if (!options.equals("--context 1")) {
      // A context of one token is full with the prompt.
      Cli.run("generate", out, "t", "--max-tokens", 3).succeeded();
    }
    Cli.run("inspect", out).succeeded();
  }

  @Test
  void theVectorBackendTrains() {
    Cli.Result result = Cli.run(Cli.tiny(text, out, "--steps", 3, "--backend", "vector"));
    assertThat(result.succeeded().out()).contains("backend vector");
  }

  @Test
  void sgdAndAdamWAndEachScheduleDiffer() throws IOException {
    List<String> rates = new ArrayList<>();
    for (String schedule : new String[] {"constant", "linear", "cosine", "wsd"}) {
      out = folder.resolve(schedule);
      Cli.run(
              Cli.tiny(
                  text,
                  out,
                  "--steps",
                  8,
                  "--schedule",
                  schedule,
                  "--warmup",
                  1,
                  "--sample-every",
                  0,
                  "--decay",
                  3,
                  "--min-learning-rate",
                  "1e-5"))
          .succeeded();
      rates.add(
          log().stream().map(entry -> entry.path("learning_rate").asString()).toList().toString());
    }
    assertThat(rates).doesNotHaveDuplicates();
    assertThat(rates.getLast()).startsWith("[5.0E-4, 0.001, 0.001, 0.001, 0.001, 0.001");
  }

  @Test
  void aModelIsTrainedFurther() throws IOException {
    Cli.run(Cli.tiny(text, out, "--steps", 30, "--learning-rate", "1e-2")).succeeded();
    double before = log().getLast().path("val_loss").asDouble();
    Path first = out;
    out = folder.resolve("further");
    Object[] further = {
      "train",
      "--data",
      text,
      "--model",
      first,
      "--out",
      out,
      "--steps",
      30,
      "--batch",
      4,
      "--learning-rate",
      "3e-3"
    };
    Cli.run(further).succeeded();
    assertThat(log().getFirst().path("loss").asDouble()).isLessThan(before + 0.3);
    assertThat(log().getLast().path("val_loss").asDouble()).isLessThan(before);

    Cli.run("train", "--data", text, "--model", first, "--out", folder.resolve("x"), "--layers", 2)
        .failedWith("--layers");
    Cli.run(
            "train",
            "--data",
            text,
            "--model",
            first,
            "--out",
            folder.resolve("x"),
            "--tokens",
            "bpe")
        .failedWith("--tokens");
    Cli.run(
            "train",
            "--data",
            text,
            "--model",
            first,
            "--out",
            folder.resolve("x"),
            "--context",
            99)
        .failedWith("99", "16");
  }

  @Test
  void aFurtherTrainingIsResumedWithoutTheFolderItBeganFrom() throws IOException {
    Cli.run(Cli.tiny(text, out, "--steps", 4)).succeeded();
    Path first = out;
    out = folder.resolve("further");
    Cli.run("train", "--data", text, "--model", first, "--out", out, "--steps", 4, "--batch", 4)
        .succeeded();
    Files.move(first, folder.resolve("elsewhere"));
    Cli.run("train", "--resume", out, "--steps", 8).succeeded();
    assertThat(log()).hasSize(8);
  }

  @Test
  void aFolderOfTextAndAnotherModelsTokensTrain() throws IOException {
    Path corpus = Files.createDirectories(folder.resolve("corpus/inner"));
    Cli.text(corpus.resolve("a.txt"), 2000);
    Cli.text(corpus.resolveSibling("b.md"), 2000);
    Path model = Cli.shared("models/stories260k");
    Cli.run(Cli.tiny(corpus.getParent(), out, "--steps", 3, "--tokens", model)).succeeded();
  }

  @Test
  void aFinishedRunIsTrainedLonger() throws IOException {
    Cli.run(Cli.tiny(text, out, "--steps", 4, "--schedule", "constant")).succeeded();
    Cli.Result again = Cli.run("train", "--resume", out).succeeded();
    assertThat(again.out()).contains("Going on after step 4");
    assertThat(log()).hasSize(4);
    Cli.run("train", "--resume", out, "--steps", 7).succeeded();
    assertThat(log()).hasSize(7);
    Cli.run("train", "--resume", out, "--steps", 3).failedWith("7", "--steps");
    // The new number of steps counts from now on.
    Cli.run("train", "--resume", out).succeeded();
    assertThat(log()).hasSize(7);
  }

  @Test
  void equalCallsGiveEqualWeights() throws IOException {
    Cli.run(Cli.tiny(text, out, "--steps", 5, "--dropout", 0.1)).succeeded();
    Path second = folder.resolve("second");
    Cli.run(Cli.tiny(text, second, "--steps", 5, "--dropout", 0.1)).succeeded();
    Path third = folder.resolve("third");
    Cli.run(Cli.tiny(text, third, "--steps", 5, "--dropout", 0.1, "--seed", 2)).succeeded();
    String weights = "model/model.safetensors";
    assertThat(second.resolve(weights)).hasSameBinaryContentAs(out.resolve(weights));
    assertThat(Files.mismatch(third.resolve(weights), out.resolve(weights))).isNotNegative();
  }

  @Test
  void aLearningRateThatDivergesIsToldByStepAndOperation() {
    Cli.run(
            Cli.tiny(
                text,
                out,
                "--steps",
                40,
                "--optimizer",
                "sgd",
                "--learning-rate",
                "1e30",
                "--clip",
                0,
                "--warmup",
                0))
        .failedWith("step");
  }
}
