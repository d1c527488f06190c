package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.Engine;
import org.quern.EngineOptions;
import org.quern.exec.Executable;
import org.quern.exec.LinkedMemory;
import org.quern.exec.ModelMemory;
import org.quern.exec.nativecpu.NativeKernels;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Region;
import org.quern.plan.Plan;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code bench train}, {@code bench generate} and {@code bench matmul}. */
final class BenchCommandTest {
  private static JsonNode json(Object... arguments) {
    Cli.Result result = Cli.run(arguments).succeeded();
    assertThat(result.lines()).as("one object on standard output").hasSize(1);
    return new JsonMapper().readTree(result.out());
  }

  private static void hasTheCommonFields(JsonNode report) {
    assertThat(report.propertyNames())
        .contains(
            "model",
            "batch",
            "context",
            "precision",
            "threads",
            "backend",
            "tier",
            "spread",
            "ms_per_step",
            "tokens_per_second");
    assertThat(report.path("ms_per_step").asDouble()).isPositive();
    assertThat(report.path("tokens_per_second").asDouble()).isPositive();
    assertThat(report.path("precision").asString()).isEqualTo("f32");
    assertThat(report.path("threads").asInt()).isEqualTo(1);
    assertThat(report.path("spread").asDouble()).isNotNegative();
    assertThat(report.has("peak_rss_gib")).isEqualTo(PeakMemory.gibibytes().isPresent());
  }

  @Test
  void whatAStepNeedsAtLeastIsMeasured() {
    JsonNode report =
        json(
            "bench",
            "train",
            "--model",
            "gpt-char",
            "--batch",
            2,
            "--context",
            16,
            "--warmup",
            1,
            "--steps",
            2,
            "--threads",
            1,
            "--bound",
            "--json");
    hasTheCommonFields(report);
    double products =
        report.path("matmul_gflop").asDouble() / report.path("matmul_gflops").asDouble();
    double sweep =
        report.path("sweep_gb").asDouble() / report.path("reading_gb_per_second").asDouble();
    double bound = report.path("bound_ms").asDouble();
    assertThat(bound).isPositive().isCloseTo(1e3 * (products + sweep), within(1e-3 * bound));
    assertThat(report.path("times_bound").asDouble() * bound)
        .isCloseTo(
            report.path("ms_per_step").asDouble(),
            within(1e-3 * report.path("ms_per_step").asDouble()));
    // AdamW reads four tensors and writes three, each as large as the parameters.
    double parameters = report.path("parameters_mib").asDouble() * (1 << 20) / 1e9;
    assertThat(report.path("sweep_gb").asDouble())
        .isCloseTo(7 * parameters, within(0.01 * parameters));
    assertThat(report.path("matmul_gflop").asDouble() * 1e3 / report.path("ms_per_step").asDouble())
        .isLessThanOrEqualTo(report.path("gflops").asDouble());
  }

  @Test
  void aStepOfTrainingIsTimed() {
    JsonNode report =
        json(
            "bench",
            "train",
            "--model",
            "gpt-char",
            "--batch",
            2,
            "--context",
            16,
            "--warmup",
            1,
            "--steps",
            3,
            "--threads",
            1,
            "--json");
    hasTheCommonFields(report);
    assertThat(report.path("model").asString()).isEqualTo("gpt-char");
    assertThat(report.path("batch").asInt()).isEqualTo(2);
    assertThat(report.path("context").asInt()).isEqualTo(16);
    assertThat(report.path("steps").asInt()).isEqualTo(3);
    double tokens = 32 / report.path("ms_per_step").asDouble() * 1e3;
    assertThat(report.path("tokens_per_second").asDouble()).isCloseTo(tokens, within(tokens / 500));
    assertThat(report.path("gflops").asDouble()).isPositive();
    assertThat(report.path("sizes").path("channels").asInt()).isEqualTo(128);
    assertThat(report.path("clip").asDouble()).isZero();
    assertThat(report.path("sizes").path("feed-forward").asInt()).isEqualTo(512);
  }

  @Test
  void whatRecomputationSavesAndCostsIsReported() {
    List<JsonNode> reports = new ArrayList<>();
    for (String what : new String[] {"none", "blocks"}) {
      reports.add(
          json(
              "bench",
              "train",
              "--model",
              "gpt-char",
              "--batch",
              4,
              "--warmup",
              1,
              "--steps",
              1,
              "--clip",
              1,
              "--recompute",
              what,
              "--threads",
              1,
              "--json"));
    }
    JsonNode none = reports.get(0);
    JsonNode blocks = reports.get(1);
    assertThat(none.path("gradients_mib").asDouble())
        .isEqualTo(none.path("parameters_mib").asDouble());
    assertThat(none.path("optimizer_state_mib").asDouble())
        .isCloseTo(2 * none.path("parameters_mib").asDouble(), within(0.01));
    assertThat(none.path("workers_scratch_mib").asDouble()).isEqualTo(2);
    assertThat(blocks.path("kept_activations_mib").asDouble())
        .isEqualTo(none.path("activations_mib").asDouble());
    assertThat(blocks.path("activations_mib").asDouble())
        .isLessThan(none.path("activations_mib").asDouble() / 2);
    assertThat(blocks.path("recomputed_gflop").asDouble()).isPositive();
    assertThat(blocks.path("recomputed_share").asDouble()).isBetween(0.1, 0.34);
    Cli.run("bench", "train", "--recompute", "all").failedWith("choose none or blocks");
  }

  @Test
  void weightsInBf16AreAPartOfTheMemory() {
    assumeTrue(NativeKernels.find().isLoaded(), "skipped: the native library is not there");
    double[] bytes = new double[2];
    for (int index = 0; index < 2; index++) {
      JsonNode report =
          json(
              "bench",
              "train",
              "--model",
              "gpt-char",
              "--batch",
              4,
              "--warmup",
              1,
              "--steps",
              1,
              "--precision",
              "bf16",
              "--bf16-weights",
              index == 0 ? "off" : "on",
              "--threads",
              1,
              "--json");
      bytes[index] = report.path("bf16_weights_mib").asDouble();
      assertThat(bytes[index]).isBetween(0.0, report.path("parameters_mib").asDouble() / 2);
    }
    assertThat(bytes[0]).isZero();
    assertThat(bytes[1]).isPositive();
    Cli.run("bench", "train", "--bf16-weights", "some").failedWith("choose auto, on or off");
  }

  @Test
  void readingAndWritingAreTimedApart() {
    JsonNode report =
        json(
            "bench",
            "generate",
            "--model",
            "llama-mini",
            "--prompt",
            9,
            "--tokens",
            5,
            "--steps",
            2,
            "--threads",
            1,
            "--json");
    hasTheCommonFields(report);
    assertThat(report.path("prompt").asInt()).isEqualTo(9);
    assertThat(report.path("tokens").asInt()).isEqualTo(5);
    assertThat(report.path("context").asInt()).isEqualTo(14);
    assertThat(report.path("passes").asInt()).isEqualTo(2);
    assertThat(report.path("steps").asInt()).isEqualTo(10);
    assertThat(report.path("prefill_tokens_per_second").asDouble()).isPositive();
    assertThat(report.path("gb_per_second").asDouble()).isPositive();
    assertThat(report.path("reading_gb_per_second").asDouble()).isPositive();
    assertThat(report.path("share_of_reading").asDouble()).isPositive();
  }

  @Test
  void productsAreTimedOneByOne() {
    JsonNode report =
        json(
            "bench",
            "matmul",
            "--shape",
            "3x5x7",
            "--shape",
            "dw:16x24x8",
            "--warmup",
            0,
            "--steps",
            2,
            "--threads",
            1,
            "--json");
    hasTheCommonFields(report);
    JsonNode shapes = report.path("shapes");
    assertThat(shapes.valueStream().map(shape -> shape.path("shape").asString()))
        .containsExactly("forward:3x5x7", "dw:16x24x8");
    double sum = shapes.valueStream().mapToDouble(shape -> shape.path("ms").asDouble()).sum();
    assertThat(report.path("ms_per_step").asDouble()).isCloseTo(sum, within(sum / 500));
  }

  @Test
  void withoutShapesTheProductsAreThoseOfAStep() {
    List<String> lines =
        Cli.run(
                "bench",
                "matmul",
                "--model",
                "gpt-char",
                "--batch",
                2,
                "--context",
                4,
                "--warmup",
                0,
                "--steps",
                1)
            .succeeded()
            .lines();
    assertThat(
            lines.stream().filter(line -> line.endsWith("GFLOP/s")).map(line -> line.split(" ")[0]))
        .containsExactly(
            "forward:8x384x128",
            "dx:8x128x384",
            "dw:128x384x8",
            "forward:8x128x128",
            "dx:8x128x128",
            "dw:128x128x8",
            "forward:8x512x128",
            "dx:8x128x512",
            "dw:128x512x8",
            "forward:8x128x512",
            "dx:8x512x128",
            "dw:512x128x8",
            "forward:8x65x128",
            "dx:8x128x65",
            "dw:128x65x8");
  }

  @Test
  void withoutJsonATableIsPrinted() {
    Cli.Result result =
        Cli.run("bench", "train", "--model", "gpt-char", "--batch", 1, "--context", 8, "--steps", 1)
            .succeeded();
    assertThat(result.out()).contains("ms per step", "tokens per second", "tier", "gpt-char");
    assertThat(result.err()).isEmpty();
  }

  private static JsonNode matmul(Object model) {
    return json(
        "bench",
        "matmul",
        "--model",
        model,
        "--batch",
        2,
        "--context",
        3,
        "--warmup",
        0,
        "--steps",
        1,
        "--threads",
        1,
        "--json");
  }

  private static List<String> shapes(JsonNode report) {
    return report.path("shapes").valueStream().map(row -> row.path("shape").asString()).toList();
  }

  @Test
  void productsAreThoseOfTheModel() {
    assertThat(shapes(matmul("gpt-char")))
        .hasSize(15)
        .startsWith("forward:6x384x128", "dx:6x128x384", "dw:128x384x6");
    assertThat(shapes(matmul("llama-mini")))
        .startsWith("dx:6x160x160", "forward:6x160x160", "dw:160x160x6", "dx:6x80x160")
        .contains("dx:6x432x160", "dx:6x160x432", "dw:1024x160x6")
        .doesNotHaveDuplicates();
  }

  @Test
  void productsAreThoseOfAFolder() {
    JsonNode report = matmul(Cli.shared("models/stories260k"));
    hasTheCommonFields(report);
    assertThat(shapes(report)).contains("dx:6x64x64", "dx:6x512x64");
  }

  @Test
  void whatAModelHasBeyondItsSizesIsSaid() {
    JsonNode report =
        json(
            "bench",
            "generate",
            "--model",
            Cli.shared("fixtures/qwen3"),
            "--prompt",
            2,
            "--tokens",
            1,
            "--steps",
            1,
            "--threads",
            1,
            "--json");
    assertThat(report.path(BenchReport.FEATURES).valueStream().map(JsonNode::asString))
        .containsExactly("norms of queries and keys");
    assertThat(report.path("threads").isInt()).isTrue();
    assertThat(report.path("passes").isInt()).isTrue();
  }

  @Test
  void aFolderIsAModelToo() {
    Path model = Cli.shared("models/stories260k");
    JsonNode trained =
        json(
            "bench",
            "train",
            "--model",
            model,
            "--batch",
            1,
            "--context",
            8,
            "--steps",
            1,
            "--warmup",
            0,
            "--threads",
            1,
            "--json");
    hasTheCommonFields(trained);
    assertThat(trained.path("model").asString()).isEqualTo(model.toString());
    hasTheCommonFields(
        json(
            "bench",
            "generate",
            "--model",
            model,
            "--prompt",
            4,
            "--tokens",
            2,
            "--steps",
            1,
            "--threads",
            1,
            "--json"));
  }

  @Test
  void withoutNumbersAPromptFitsIntoTheContext() {
    JsonNode report =
        json("bench", "generate", "--model", "gpt-char", "--steps", 1, "--threads", 1, "--json");
    assertThat(report.path("prompt").asInt() + report.path("tokens").asInt()).isEqualTo(64);
  }

  static Stream<MatmulShape> products() {
    return Stream.of("3x5x7", "dx:4x9x17", "dw:6x11x2").map(MatmulShape::parse);
  }

  /** What is timed is a product, and each kind its own. */
  @ParameterizedTest
  @MethodSource("products")
  void aProductIsWhatItsShapeSays(MatmulShape shape) {
    ParameterLayout layout = shape.layout();
    try (Engine engine = Engine.open(EngineOptions.defaults().withThreads(1));
        ModelMemory memory = engine.backend().allocate("a product", layout);
        Executable program =
            engine.backend().link(Plan.of(shape.graph(layout)), LinkedMemory.of(memory))) {
      MemorySegment weight = memory.segment(Region.PARAMETERS);
      boolean adds = shape.kind() == MatmulShape.Kind.DW;
      float[] first = fill(program.input(shape.inputs().getFirst()), 3);
      float[] second = adds ? fill(program.input("dy"), 5) : fill(weight, 5);
      program.run();
      MemorySegment result =
          switch (shape.kind()) {
            case FORWARD -> program.output("y");
            case DX -> program.output("dx");
            case DW -> weight;
          };
      for (int row = 0; row < shape.m(); row++) {
        for (int column = 0; column < shape.n(); column++) {
          float sum = 0;
          for (int k = 0; k < shape.k(); k++) {
            float a = adds ? first[k * shape.m() + row] : first[row * shape.k() + k];
            boolean turned = shape.kind() == MatmulShape.Kind.DX;
            float b = turned ? second[column * shape.k() + k] : second[k * shape.n() + column];
            sum += a * b;
          }
          long index = (long) row * shape.n() + column;
          assertThat(result.getAtIndex(ValueLayout.JAVA_FLOAT, index))
              .as("%s at %d, %d", shape, row, column)
              .isEqualTo(sum);
        }
      }
    }
  }

  /** Small whole numbers, so that sums are exact in any order. */
  private static float[] fill(MemorySegment target, int step) {
    float[] values = new float[(int) (target.byteSize() / Float.BYTES)];
    for (int i = 0; i < values.length; i++) {
      values[i] = i * step % 13 - 6;
      target.setAtIndex(ValueLayout.JAVA_FLOAT, i, values[i]);
    }
    return values;
  }

  @Test
  void timesAreSummedUpByTheirMedian() {
    Times times = Times.of(new long[] {4_000_000, 1_000_000, 3_000_000, 2_000_000, 9}, 4);
    assertThat(times.count()).isEqualTo(4);
    assertThat(times.median()).isEqualTo(2.5);
    assertThat(times.least()).isEqualTo(1);
    assertThat(times.most()).isEqualTo(4);
    assertThat(times.spread()).isEqualTo(1.2);
    assertThat(Times.of(new long[] {7_000_000, 5_000_000, 6_000_000}, 3).median()).isEqualTo(6);
  }

  @Test
  void runsAreCounted() {
    int[] runs = {0};
    Runnable run = () -> runs[0]++;
    Repetitions given = new Repetitions(OptionalInt.of(3), OptionalInt.of(4), 1, 1, 60);
    assertThat(given.measure(run).count()).isEqualTo(4);
    assertThat(runs[0]).isEqualTo(7);
    Repetitions open = new Repetitions(OptionalInt.of(0), OptionalInt.empty(), 1, 6, 0);
    assertThat(open.measure(run).count()).isEqualTo(6);
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "generate", "matmul"})
  void eachHasAnExample(String command) {
    Cli.Result help = Cli.run("bench", command, "--help").succeeded();
    assertThat(help.out()).contains("Example").contains("  quern bench " + command);
    assertThat(help.out()).contains("--model", "--precision", "--threads", "--json");
    Cli.Result unknown = Cli.run("bench", command, "--bogus", "a", "b");
    assertThat(unknown.code()).isEqualTo(2);
    unknown.oneSentence();
    assertThat(unknown.err()).contains("--bogus", "quern bench " + command + " --help");
  }

  @Test
  void everySizeIsNamedInTheHelp() {
    String help = Cli.run("bench", "train", "--help").out().replaceAll("\\s+", " ");
    String training = Cli.run("train", "--help").out().replaceAll("\\s+", " ");
    assertThat(help).contains(Presets.names());
    assertThat(training).contains(Presets.names());
  }

  @Test
  void sizesAreThoseOfTheModelsThatTheyAreNamedAfter() {
    assertThat(parameters(Presets.GPT2_124M)).isEqualTo(124_439_808);
    assertThat(parameters(Presets.LLAMA_135M)).isEqualTo(134_515_008);
    assertThat(parameters(Presets.LLAMA_1_1B)).isEqualTo(1_100_048_384);
  }

  private static long parameters(Presets preset) {
    return org.quern.model.CausalLanguageModel.of(preset.config()).layout().count();
  }

  @ParameterizedTest
  @CsvSource({
    "train,    --model,     gpt5,     gpt5",
    "train,    --precision, abacus,   abacus",
    "train,    --batch,     0,        --batch",
    "train,    --context,   0,        --context",
    "train,    --context,   999,      64",
    "train,    --steps,     0,        --steps",
    "train,    --warmup,    -1,       --warmup",
    "train,    --threads,   0,        threads",
    "train,    --memory,    1M,       1.00 MiB",
    "train,    --backend,   abacus,   abacus",
    "generate, --prompt,    0,        --prompt",
    "generate, --prompt,    100,      100",
    "generate, --tokens,    0,        --tokens",
    "generate, --tokens,    500,      500",
    "generate, --context,   65,       64",
    "matmul,   --shape,     3x4,      3x4",
    "matmul,   --shape,     3x0x4,    0",
    "matmul,   --shape,     up:1x2x3, up",
    "matmul,   --model,     nosuch,   nosuch",
  })
  void whatCannotBeIsRefused(String command, String option, String value, String named) {
    Object[] base = {"bench", command, "--steps", 1, "--warmup", 0, "--model", "gpt-char"};
    Stream<Object> arguments = Stream.of(base);
    for (int index = 2; index < base.length; index += 2) {
      if (option.equals(base[index])) {
        base[index + 1] = value;
        arguments = Stream.of(base);
        Cli.run(arguments.toArray()).failedWith(named);
        return;
      }
    }
    Cli.run(Stream.concat(arguments, Stream.of(option, value)).toArray()).failedWith(named);
  }
}
