package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.EngineDescription;
import org.quern.profile.Roofline;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code bench kernels}: what is made of JMH's times, and what it refuses. */
final class BenchKernelsTest {
  private static final Roofline ROOFLINE =
      new Roofline("avx2", 2, 50e9, 100e9, 100e9, 200e9, 16e9, 20e9);

  @TempDir private Path folder;

  private static KernelTable.Row row(String times) {
    return row("MATMUL_F32", times);
  }

  private static KernelTable.Row row(String kernel, String times) {
    return KernelTable.Row.of(
        new JsonMapper()
            .readTree(
                "{\"operation\":\"Matmul\",\"model\":\"gpt-char\",\"shape\":\"2x3x4\",\"kernel\":\""
                    + kernel
                    + "\","
                    + "\"flops\":4000000,\"bytes\":500000"
                    + times
                    + "}"));
  }

  private static KernelTable table(double others) {
    EngineDescription engine =
        new EngineDescription("native", "avx2", "f32", Optional.empty(), 2, 1 << 20, List.of());
    KernelTable.Row row = row(",\"us\":50,\"us_least\":45,\"us_most\":55");
    return new KernelTable(engine, ROOFLINE, List.of(row), OptionalDouble.of(others));
  }

  /** 4 MFLOP need 40 us, 500 kB need 25 us; it took 50. */
  @Test
  void aRowHasRatesAndTheShareOfTheRoofline() {
    KernelTable.Row row = table(0).rows().getFirst();
    assertThat(row.gigaflops()).isEqualTo(80);
    assertThat(row.gigabytes()).isEqualTo(10);
    assertThat(row.share(ROOFLINE)).isEqualTo(0.8);
    assertThat(row.spread()).isEqualTo(0.2);
    assertThat(row("").micros()).isNaN();
  }

  /** Of products the instructions count that they are computed with; the rest is F32's. */
  @Test
  void theShareIsOfWhatTheKernelIsMadeOf() {
    Roofline amx = new Roofline("amx", 2, 50e9, 100e9, 800e9, 1600e9, 16e9, 200e9);
    String times = ",\"us\":50,\"us_least\":45,\"us_most\":55";
    assertThat(row("ADD_F32", times).share(amx)).isEqualTo(0.8);
    assertThat(row("MATMUL_F32", times).share(amx)).isEqualTo(0.1);
    assertThat(row("MATMUL_BF16", times).share(amx)).isEqualTo(0.1);
    assertThat(row("MATMUL_INT8", times).share(amx)).isEqualTo(0.05);
  }

  @Test
  void theTableHasAllOfIt() {
    StringWriter text = new StringWriter();
    table(0.5).print(new PrintWriter(text));
    assertThat(text.toString())
        .contains(
            "native, avx2, f32, threads: 2", "F32 50.0 GFLOP/s", "others kept 0.5 processors");
    assertThat(text.toString().lines().toList().getLast())
        .matches("Matmul +gpt-char +2x3x4 +50\\.0 +20% +80\\.0 +10\\.0 +80 %");
    StringWriter alone = new StringWriter();
    table(0.01).print(new PrintWriter(alone));
    assertThat(alone.toString()).doesNotContain("under load");
  }

  @Test
  void theHistoryHasAllOfIt() throws IOException {
    History history = new History(folder.resolve("made/here"));
    Path file = history.append(History.json(table(0.5).toJson()));
    history.append("{}");
    assertThat(file).content().endsWith("}\n{}\n");
    JsonNode line = new JsonMapper().readTree(Files.readAllLines(file).getFirst());
    assertThat(line.path("work").asString()).isEqualTo("kernels");
    assertThat(line.path("processor").asString()).isNotBlank();
    assertThat(line.path("roofline_gflops").asDouble()).isEqualTo(100);
    assertThat(line.path("others_busy").asDouble()).isEqualTo(0.5);
    JsonNode kernel = line.path("kernels").get(0);
    assertThat(kernel.path("us").asDouble()).isEqualTo(50);
    assertThat(kernel.path("roofline").asDouble()).isEqualTo(0.8);
  }

  @Test
  void ofTwoRooflinesTheHigherRatesCount() {
    Roofline other = new Roofline("avx2", 2, 60e9, 90e9, 90e9, 210e9, 15e9, 22e9);
    assertThat(KernelTable.higher(ROOFLINE, other))
        .isEqualTo(new Roofline("avx2", 2, 60e9, 100e9, 100e9, 210e9, 16e9, 22e9));
  }

  @Test
  void itHasAnExample() {
    Cli.Result help = Cli.run("bench", "kernels", "--help").succeeded();
    assertThat(help.out()).contains("Examples:").contains("  quern bench kernels --filter");
    assertThat(help.out()).contains("--backend", "--threads", "--precision", "--json", "--list");
    assertThat(Cli.run("bench", "--help").out()).contains("kernels");
    Cli.Result unknown = Cli.run("bench", "kernels", "--bogus");
    assertThat(unknown.code()).isEqualTo(2);
    unknown.oneSentence();
  }

  @ParameterizedTest
  @CsvSource({
    "--forks,   0,      --forks",
    "--seconds, 0,      --seconds",
    "--seconds, NaN,    --seconds",
    "--threads, 0,      threads",
    "--backend, abacus, abacus",
    "--filter,  add,    mvn -pl bench",
  })
  void whatCannotBeIsRefused(String option, String value, String named) {
    Path out = folder.resolve("out");
    Cli.run("bench", "kernels", option, value, "--out", out).failedWith(named);
    assertThat(out).doesNotExist();
  }
}
