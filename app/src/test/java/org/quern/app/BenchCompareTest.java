package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** {@code bench compare}: who runs when, what is made of it, and who is left out. */
final class BenchCompareTest {
  private static final Contest CONTEST =
      new Contest(Contest.Work.TRAIN, "gpt-char", 2, 8, "f32", 1);

  @TempDir private Path folder;
  private final StringWriter notes = new StringWriter();

  private Console console() {
    PrintWriter writer = new PrintWriter(notes);
    return new Console(writer, writer, false);
  }

  private Contestant contestant(String name, String text, int code) {
    List<String> command = new ArrayList<>(Cli.command());
    command.set(command.size() - 1, PrintingProgram.class.getName());
    command.addAll(List.of(name, log().toString(), text, String.valueOf(code)));
    return new Contestant(name, sizes -> command, Map.of());
  }

  private Path log() {
    return folder.resolve("log.txt");
  }

  @Test
  void processesTakeTurns() throws IOException {
    ContestResult result =
        new ContestRunner(CONTEST, Duration.ofMinutes(5), console())
            .run(
                List.of(
                    contestant("quern", "{\"ms_per_step\": 2}", 0),
                    contestant("other", "{\"ms_per_step\": 5, \"peer\": \"Other 7\"}", 0)),
                List.of(new Contestant.LeftOut("third", "it is not here")),
                2);
    assertThat(log()).hasContent("quern\nother\nquern\nother");
    assertThat(result.rows()).extracting(ContestResult.Row::name).containsExactly("quern", "other");
    assertThat(result.ratio(result.rows().get(1), "ms_per_step")).isEqualTo(2.5);
    assertThat(notes.toString()).contains("round 2 of 2, other");
    StringWriter table = new StringWriter();
    result.print(new PrintWriter(table));
    assertThat(table.toString()).contains("quern", "Other 7", "2.50", "left out: third: it is not");
  }

  @Test
  void whoFailsIsLeftOutWithTheReason() throws IOException {
    ContestResult result =
        new ContestRunner(CONTEST, Duration.ofMinutes(5), console())
            .run(
                List.of(
                    contestant("quern", "{\"ms_per_step\": 2}", 0),
                    contestant("broken", "{\"ms_per_step\": 5}", 3),
                    contestant("silent", "no object", 0),
                    new Contestant(
                        "choosy",
                        sizes -> {
                          throw new AppException("it has no such model");
                        },
                        Map.of())),
                List.of(),
                2);
    assertThat(log()).hasContent("quern\nbroken\nsilent\nquern");
    assertThat(result.rows()).extracting(ContestResult.Row::name).containsExactly("quern");
    assertThat(result.leftOut())
        .extracting(Contestant.LeftOut::name)
        .containsExactly("broken", "silent", "choosy");
    assertThat(result.leftOut().getFirst().reason())
        .contains("The last words of broken", "exit code 3");
    assertThat(result.leftOut().getLast().reason()).contains("it has no such model");
  }

  @Test
  void whoTakesTooLongIsEndedAndLeftOut() {
    ContestResult result =
        new ContestRunner(CONTEST, Duration.ofSeconds(6), console())
            .run(
                List.of(
                    new Contestant(
                        "quern", sizes -> List.of("echo", "{\"ms_per_step\": 2}"), Map.of()),
                    new Contestant("slow", sizes -> List.of("sleep", "600"), Map.of())),
                List.of(),
                1);
    assertThat(result.rows()).extracting(ContestResult.Row::name).containsExactly("quern");
    assertThat(result.leftOut().getFirst().reason()).contains("longer than 6 s", "--limit");
  }

  @Test
  void withoutUsThereIsNoContest() {
    Contestant failing = contestant("quern", "nothing", 1);
    ContestRunner runner = new ContestRunner(CONTEST, Duration.ofMinutes(5), console());
    assertThatThrownBy(() -> runner.run(List.of(failing), List.of(), 1))
        .isInstanceOf(AppException.class)
        .hasMessageContaining("The last words of quern");
  }

  private static ContestResult.Row row(String name, double... times) {
    JsonMapper mapper = new JsonMapper();
    return new ContestResult.Row(
        name,
        IntStream.range(0, times.length)
            .mapToObj(index ->
                mapper.readTree(
                    "{\"ms_per_step\": "
                        + times[index]
                        + ", \"shapes\": [{\"shape\": \"dx:1x2x3\", \"ms\": "
                        + times[index] / 2
                        + "}]}"))
            .toList());
  }

  @Test
  void roundsAreSummedUpByTheirMedian() {
    ContestResult.Row row = row("quern", 5, 3, 4);
    assertThat(row.median("ms_per_step")).isEqualTo(4);
    assertThat(row.spread("ms_per_step")).isEqualTo(0.5);
    assertThat(row.product("dx:1x2x3")).isEqualTo(2);
    assertThat(row.product("dx:9x9x9")).isNaN();
    assertThat(row.median("nothing")).isNaN();
    assertThat(row("quern", 5, 4).median("ms_per_step")).isEqualTo(4.5);
  }

  @Test
  void theHistoryHasAllOfIt() {
    Contest products = new Contest(Contest.Work.MATMUL, "gpt2-124m", 4, 64, "f32", 2);
    ContestResult result =
        new ContestResult(
            products,
            List.of(row("quern", 4), row("mkl", 6)),
            List.of(new Contestant.LeftOut("onednn", "it is not built")),
            OptionalDouble.of(1.5));
    JsonNode json = new JsonMapper().valueToTree(result.toJson());
    assertThat(json.path("work").asString()).isEqualTo("matmul");
    assertThat(json.path("others_busy").asDouble()).isEqualTo(1.5);
    JsonNode mkl = json.path("results").get(1);
    assertThat(mkl.path("ms_per_step_ratio").asDouble()).isEqualTo(1.5);
    assertThat(mkl.path("shapes").path("dx:1x2x3").asDouble()).isEqualTo(3);
    assertThat(json.path("left_out").get(0).path("name").asString()).isEqualTo("onednn");
    StringWriter table = new StringWriter();
    result.print(new PrintWriter(table));
    assertThat(table.toString()).contains("Measured under load", "dx:1x2x3", "3.00 (1.50)");
  }

  @Test
  void thePictureHasABarForEach() throws IOException {
    ContestResult result =
        new ContestResult(
            CONTEST, List.of(row("quern", 4), row("other", 6)), List.of(), OptionalDouble.empty());
    ContestChart chart = new ContestChart(List.of(result));
    Path picture = folder.resolve("picture.png");
    chart.write(picture);
    assertThat(ImageIO.read(picture.toFile()).getWidth()).isEqualTo(1000);
    BufferedImage plain = chart.plain();
    assertThat(pixels(plain, Color.RED)).isGreaterThan(pixels(plain, Color.BLUE)).isPositive();
    assertThat(pixels(plain, Color.BLUE)).isPositive();
  }

  @Test
  void thePictureOfAllContestsTellsThemApart() throws IOException {
    List<ContestResult> results =
        Contest.all(2).stream()
            .map(contest ->
                new ContestResult(
                    contest,
                    List.of(row("quern", 4), row("other", 6)),
                    List.of(),
                    OptionalDouble.empty()))
            .toList();
    Path picture = folder.resolve("all.png");
    new ContestChart(results).write(picture);
    assertThat(ImageIO.read(picture.toFile()).getWidth())
        .as("a place for each, and for prompt and token")
        .isEqualTo(110 * results.stream().mapToInt(result -> result.parts().size()).sum());
  }

  private static long pixels(BufferedImage image, Color color) {
    return IntStream.range(0, image.getWidth() * image.getHeight())
        .filter(index ->
            image.getRGB(index % image.getWidth(), index / image.getWidth()) == color.getRGB())
        .count();
  }

  @Test
  void whoIsNotBuiltIsNamed() {
    for (Contest.Work work : Contest.Work.values()) {
      Contest contest = new Contest(work, "gpt-char", 1, 8, "f32", 1);
      Contestants who = new Contestants(contest, folder, List.of());
      assertThat(who.present()).extracting(Contestant::name).containsExactly("quern");
      assertThat(who.absent()).isNotEmpty();
      assertThat(who.absent())
          .allSatisfy(left -> {
            assertThat(left.reason()).isNotBlank();
            assertThat(Contestants.names()).contains(left.name());
          });
    }
  }

  @Test
  void whoIsBuiltTakesPart() throws IOException {
    Files.createDirectories(folder.resolve("lib"));
    Contest contest = new Contest(Contest.Work.MATMUL, "gpt-char", 1, 8, "f32", 3);
    Contestants who = new Contestants(contest, folder, List.of("mkl"));
    assertThat(who.present()).extracting(Contestant::name).containsExactly("quern", "mkl");
    assertThat(who.absent()).isEmpty();
    JsonNode ours =
        new JsonMapper()
            .readTree("{\"shapes\":[{\"shape\":\"dx:1x2x3\"},{\"shape\":\"dw:4x5x6\"}]}");
    assertThat(who.present().getLast().command().apply(ours))
        .containsSubsequence("--threads", "3", "--shapes", "dx:1x2x3,dw:4x5x6");
  }

  private static JsonNode sizes(String family, int head) {
    return sizes(family, head, 96);
  }

  private static JsonNode sizes(String family, int head, int feedForward) {
    return new JsonMapper()
        .readTree(
            "{\"prompt\":7,\"tokens\":3,\"sizes\":{\"family\":\""
                + family
                + "\",\"channels\":64,\"heads\":4,\"head-size\":"
                + head
                + ",\"feed-forward\":"
                + feedForward
                + "}}");
  }

  private List<Contestant> generating(int batch) throws IOException {
    Files.createDirectories(folder.resolve("lib"));
    Contest contest = new Contest(Contest.Work.GENERATE, "a/model", batch, 8, "f32", 3);
    return new Contestants(contest, folder, List.of()).present();
  }

  @Test
  void whoWritesGetsTheSizesOfOurModel() throws IOException {
    List<Contestant> who = generating(1);
    assertThat(who)
        .extracting(Contestant::name)
        .containsExactly("quern", "llama.cpp", "onnxruntime", "jlama");
    for (Contestant peer : who.subList(1, 4)) {
      assertThat(peer.command().apply(sizes("llama", 16)))
          .containsSubsequence("--channels", "64", "--heads", "4", "--head-size", "16")
          .containsSubsequence("--threads", "3", "--prompt", "7", "--tokens", "3");
    }
    assertThat(who.get(3).command().apply(sizes("llama", 16)))
        .containsSubsequence("--add-modules=jdk.incubator.vector", "-cp");
  }

  /** Else we alone would compute them, and be compared all the same. */
  @Test
  void whoLacksAFeatureOfOurModelSaysWhich() throws IOException {
    ObjectNode qwen3 = (ObjectNode) sizes("qwen3", 16);
    qwen3.putArray(BenchReport.FEATURES).add("norms of queries and keys");
    for (Contestant peer : generating(1).subList(1, 4)) {
      assertThatThrownBy(() -> peer.command().apply(qwen3))
          .hasMessage("its model is built without norms of queries and keys, which this one has");
    }
  }

  @Test
  void whoCannotWriteSuchAModelSaysSo() throws IOException {
    List<Contestant> who = generating(1);
    assertThat(who.get(1).command().apply(sizes("gpt2", 16))).contains("gpt2");
    for (Contestant peer : who.subList(2, 4)) {
      JsonNode gpt2 = sizes("gpt2", 16);
      assertThatThrownBy(() -> peer.command().apply(gpt2)).hasMessageContaining("gpt2");
    }
    JsonNode wide = sizes("llama", 32);
    assertThatThrownBy(() -> who.get(3).command().apply(wide)).hasMessageContaining("heads");
    JsonNode odd = sizes("llama", 24);
    assertThatThrownBy(() -> who.get(2).command().apply(odd))
        .hasMessageContaining("multiple of 16");
    JsonNode narrow = sizes("llama", 16, 172);
    assertThatThrownBy(() -> who.get(3).command().apply(narrow))
        .hasMessageContaining("feed-forward");
    JsonNode fits = sizes("llama", 16);
    for (Contestant peer : generating(2).subList(1, 4)) {
      assertThatThrownBy(() -> peer.command().apply(fits)).hasMessageContaining("one sequence");
    }
    Contest half = new Contest(Contest.Work.GENERATE, "a/model", 1, 8, "bf16", 3);
    assertThat(new Contestants(half, folder, List.of()).absent())
        .extracting(Contestant.LeftOut::name)
        .containsExactly("onnxruntime", "transformers", "transformers-compiled");
  }

  @Test
  void whoNeedsPythonTakesPartWhereItsModuleIs() throws IOException {
    Path classes = Files.createDirectories(folder.resolve("classes"));
    Files.createFile(classes.resolve("transformers_generation.py"));
    Contest contest = new Contest(Contest.Work.GENERATE, "a/model", 1, 8, "bf16", 3);
    Contestants who = new Contestants(contest, folder, List.of("transformers-compiled"));
    if (who.present().size() == 1) {
      assertThat(who.absent())
          .singleElement()
          .extracting(Contestant.LeftOut::reason)
          .asString()
          .contains("pip install transformers");
    } else {
      assertThat(who.present().getLast().command().apply(sizes("gpt2", 16)))
          .startsWith("python3")
          .containsSubsequence("--prompt", "7", "--precision", "bf16", "--compile", "1");
    }
  }

  @Test
  void slowBf16IsMeasuredOnlyWhereItIsAskedFor() {
    JsonNode avx2 = new JsonMapper().readTree("{\"tier\": \"avx2\"}");
    assertThatThrownBy(() -> Contestants.refuseSlowBf16(avx2, List.of()))
        .isInstanceOf(AppException.class)
        .hasMessageContaining("avx2 here; --peer pytorch-best");
    Contestants.refuseSlowBf16(avx2, List.of("pytorch-best"));
    Contestants.refuseSlowBf16(new JsonMapper().readTree("{\"tier\": \"amx\"}"), List.of());
  }

  @Test
  void ofAFolderOthersHaveTheSizesAlone() {
    List<ContestResult.Row> rows = List.of(row("quern", 4), row("other", 6));
    for (String model : List.of("models/mine", "gpt-char")) {
      Contest contest = new Contest(Contest.Work.TRAIN, model, 2, 8, "f32", 1);
      StringWriter table = new StringWriter();
      new ContestResult(contest, rows, List.of(), OptionalDouble.empty())
          .print(new PrintWriter(table));
      String said = "random weights of the same sizes as models/mine";
      assertThat(table.toString().contains(said)).isEqualTo(model.equals("models/mine"));
    }
  }

  @Test
  void theUsualContextFitsTheModel() throws IOException {
    Path config = folder.resolve("config.json");
    Files.writeString(config, "{\"n_positions\": 7}");
    assertThat(ModelPath.context(folder.toString())).isEqualTo(7);
    Files.writeString(config, "{\"max_position_embeddings\": 512}");
    assertThat(ModelPath.context(folder.toString())).isEqualTo(512);
    Files.writeString(config, "{}");
    assertThat(ModelPath.context(folder.toString())).isEqualTo(Integer.MAX_VALUE);
    assertThat(ModelPath.context("gpt2-124m")).isEqualTo(1024);
  }

  @Test
  void aComparisonLeavesPictureAndHistory() throws IOException {
    Path out = folder.resolve("out");
    Cli.Result result =
        Cli.run(
                "bench",
                "compare",
                "train",
                "--model",
                "gpt-char",
                "--batch",
                1,
                "--context",
                8,
                "--threads",
                1,
                "--rounds",
                1,
                "--peer",
                "none",
                "--out",
                out)
            .succeeded();
    assertThat(result.out()).contains("train, gpt-char, 1 x 8, f32", "quern", "Picture: ");
    assertThat(out.resolve("train-gpt-char-1x8-f32.png")).isNotEmptyFile();
    JsonNode line = new JsonMapper().readTree(Files.readString(out.resolve("history.jsonl")));
    JsonNode ours = line.path("contests").get(0).path("results").get(0);
    assertThat(ours.path("ms_per_step").asDouble()).isPositive();
    assertThat(ours.path("ms_per_step_ratio").asDouble()).isCloseTo(1, within(0.0));
    assertThat(line.path("processor").asString()).isNotBlank();
  }

  @Test
  void companyIsWhatOthersTake() {
    assertThat(Company.busyTicks("cpu  10 2 30 400 50 6 7 8 9 9")).isEqualTo(63);
    assertThat(Company.ourTicks("77 (a) b c) S 1 2 3 4 5 6 7 8 9 10 100 20 3000 400 20 0 1"))
        .isEqualTo(3520);
    Company company = new Company();
    assertThat(company.processors().isPresent()).isEqualTo(PeakMemory.gibibytes().isPresent());
    assertThat(company.processors().orElse(0)).isNotNegative();
  }

  @Test
  void compareHasAnExample() {
    Cli.Result help = Cli.run("bench", "compare", "--help").succeeded();
    assertThat(help.out()).contains("Example").contains("  quern bench compare");
    assertThat(Cli.run("bench", "--help").out()).contains("compare");
  }

  @Test
  void allIsEveryWorkAndSizeInBothPrecisions() {
    List<Contest> all = Contest.all(2);
    assertThat(all).extracting(Contest::fileName).doesNotHaveDuplicates();
    assertThat(all).extracting(Contest::work).containsOnly(Contest.Work.values());
    for (Contest usual : Contest.usual("f32", 2)) {
      assertThat(all).contains(usual);
    }
    assertThat(all)
        .filteredOn(contest -> contest.precision().equals("bf16"))
        .extracting(Contest::toString)
        .containsExactly(
            "train, gpt-char, 12 x 64, bf16, threads: 2",
            "matmul, gpt2-124m, 4 x 64, bf16, threads: 2",
            "train, gpt2-124m, 4 x 64, bf16, threads: 2",
            "train, gpt2-124m, 4 x 256, bf16, threads: 2",
            "train, gpt2-124m, 1 x 1024, bf16, threads: 2",
            "generate, llama-135m, 1 x 576, bf16, threads: 2",
            "generate, llama-1.1b, 1 x 576, bf16, threads: 2");
  }

  @ParameterizedTest
  @CsvSource({
    "think, --rounds,    1,        think",
    "train, --model,     gpt5,     gpt5",
    "train, --batch,     0,        --batch",
    "train, --context,   0,        --context",
    "train, --rounds,    0,        --rounds",
    "train, --threads,   0,        --threads",
    "train, --precision, abacus,   abacus",
    "train, --peer,      abacus,   abacus",
    "'',    --model,     gpt-char, WORK",
    "all,   --model,     gpt-char, leave out",
    "all,   --precision, bf16,     leave out",
    "all,   --peer,      abacus,   abacus",
  })
  void whatCannotBeComparedIsRefused(String work, String option, String value, String named) {
    Path out = folder.resolve("out");
    Cli.Result result =
        work.isEmpty()
            ? Cli.run("bench", "compare", option, value, "--out", out)
            : Cli.run("bench", "compare", work, option, value, "--out", out);
    result.failedWith(named);
    assertThat(out).doesNotExist();
  }
}
