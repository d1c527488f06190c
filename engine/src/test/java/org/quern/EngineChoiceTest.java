package org.quern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.quern.exec.ExecutionException;
import org.quern.exec.nativecpu.NativeKernels;

/** Which backend and settings an engine takes, in processes of their own, and what it says. */
class EngineChoiceTest {
  private static final String VECTOR = "--add-modules=jdk.incubator.vector";
  private static final String OFF = "-Dquern.native=off";

  /** What the program prints: its choice and a description, or an exception's message. */
  private static List<String> run(Map<String, String> environment, String... options)
      throws IOException, InterruptedException, URISyntaxException {
    Path tests =
        Path.of(
                Objects.requireNonNull(
                        EngineChoiceProgram.class.getResource("EngineChoiceProgram.class"))
                    .toURI())
            .getParent()
            .getParent()
            .getParent();
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED"));
    command.addAll(List.of(options));
    command.add("-cp");
    command.add(
        String.join(
            File.pathSeparator,
            tests.toString(),
            System.getProperty("java.class.path", ""),
            System.getProperty("jdk.module.path", "")));
    command.add(EngineChoiceProgram.class.getName());
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD);
    builder.environment().keySet().removeIf(name -> name.startsWith("QUERN_"));
    builder.environment().putAll(environment);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output.lines().toList();
  }

  private static void assumeNative() {
    assumeTrue(NativeKernels.find().isLoaded(), "skipped: the native library is not there");
  }

  @Test
  void withoutTheLibraryTheVectorApiRunsAndSaysWhy() throws Exception {
    List<String> lines = run(Map.of(), OFF, VECTOR);
    assertThat(lines.getFirst()).startsWith("vector ").endsWith(" wrote 5");
    assertThat(lines.get(1)).contains("The backend native was refused: ").contains("off");
  }

  @Test
  void withoutTheLibraryAndTheVectorApiOneErrorNamesBoth() throws Exception {
    List<String> lines = run(Map.of(), OFF);
    assertThat(lines).hasSize(1);
    assertThat(lines.getFirst())
        .startsWith("EngineException: No backend can be used. The backend native was refused: ")
        .contains("off")
        .contains("start Java with --add-modules jdk.incubator.vector ");
  }

  @Test
  void theLibraryDoesWithoutTheVectorApi() throws Exception {
    assumeNative();
    assertThat(run(Map.of()).getFirst()).startsWith("native ").endsWith(" wrote 5");
    assertThat(run(Map.of("QUERN_BACKEND", "vector")).getFirst())
        .startsWith("EngineException: ")
        .contains("start Java with --add-modules jdk.incubator.vector ");
  }

  @Test
  void theLibraryThatIsRequiredAndOffIsAnError() throws Exception {
    assertThat(run(Map.of("QUERN_BACKEND", "native"), OFF, VECTOR).getFirst())
        .startsWith("EngineException: The backend native is required but cannot be had: ")
        .endsWith(".");
  }

  @Test
  void theEnvironmentIsRespected() throws Exception {
    assumeNative();
    Map<String, String> environment =
        Map.of("QUERN_MAX_ISA", "scalar", "QUERN_THREADS", "3", "QUERN_MEMORY", "64M");
    List<String> lines = run(environment);
    assertThat(lines.getFirst()).isEqualTo("native scalar 3 " + (64L << 20) + " wrote 5");
    assertThat(lines.get(1)).contains("The number of threads was asked for.");
  }

  @Test
  void nothingRaisesTheEnvironmentsCapOnInstructionSets() throws Exception {
    assumeNative();
    List<String> lines = run(Map.of("QUERN_MAX_ISA", "scalar"), "-Dquern.max.isa=avx2");
    assertThat(lines.getFirst()).startsWith("native scalar ").endsWith(" wrote 5");
  }

  @Test
  void precisionIsChosenAndExplained() {
    assumeNative();
    EngineOptions options = EngineOptions.defaults().requireBackend("native").withThreads(1);
    try (Engine engine = Engine.open(options)) {
      assertThat(engine.describe().precision()).isEqualTo("f32");
      assertThat(engine.describe().summary()).doesNotContain("Products in bf16");
      assertThat(engine.describe().precisionReason()).isEmpty();
    }
    try (Engine engine = Engine.open(options.withPrecision("bf16"))) {
      assertThat(engine.describe().precision()).isEqualTo("bf16");
      assertThat(engine.describe().summary())
          .containsPattern(
              engine.backend().multipliesBf16()
                  ? "Products in bf16 run [0-9.]+ times as fast as in f32 here\\. It was asked"
                  : "This CPU has no instructions for products in bf16: .* somewhat slower");
      assertThat(engine.backend().memory().openSlabs()).as("of the trial").hasSize(1);
    }
    try (Engine engine = Engine.open(options.withPrecision(" AUTO "))) {
      assertThat(engine.backend().memory().openSlabs()).as("of the trial").hasSize(1);
      assertThat(engine.describe().summary())
          .containsPattern("here\\. So " + engine.describe().precision() + " was chosen\\.");
    }
    try (Engine engine = Engine.open(options.withPrecision("auto").withWork(Work.WRITING))) {
      assertThat(engine.backend().memory().openSlabs()).as("of the trial").hasSize(1);
      assertThat(engine.describe().precisionReason().orElseThrow())
          .startsWith("A token's products in bf16 run ")
          .endsWith("So " + engine.describe().precision() + " was chosen.");
    }
    assertThatThrownBy(() -> Engine.open(options.withPrecision("fp8")))
        .isInstanceOf(EngineException.class)
        .hasMessage("There is no precision fp8; choose f32, bf16 or auto.");
  }

  @Test
  void theVectorApiComputesInF32Alone() {
    EngineOptions options = EngineOptions.defaults().requireBackend("vector").withThreads(1);
    assertThatThrownBy(() -> Engine.open(options.withPrecision("bf16")))
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("The precision bf16 is required, but the backend vector computes");
    try (Engine engine = Engine.open(options.withPrecision("auto"))) {
      assertThat(engine.describe().precision()).isEqualTo("f32");
    }
  }

  @Test
  void propertiesComeBeforeTheEnvironment() throws Exception {
    List<String> lines =
        run(
            Map.of("QUERN_BACKEND", "nonsense", "QUERN_THREADS", "3"),
            "-Dquern.backend=vector",
            "-Dquern.threads=1",
            "-Dquern.memory=33554432",
            VECTOR);
    assertThat(lines.getFirst()).matches("vector \\S+ 1 33554432 wrote 5");
  }

  @Test
  void whatIsNotThereIsOneSentence() {
    EngineOptions options = EngineOptions.defaults();
    assertThatThrownBy(() -> Engine.open(options.requireBackend("cuda")))
        .isInstanceOf(EngineException.class)
        .hasMessage("There is no backend named cuda; choose native or vector.");
    assertThatThrownBy(() -> Engine.open(options.withMaximumTier("avx1024")))
        .isInstanceOf(ExecutionException.class)
        .hasMessage(
            "There is no instruction set avx1024; choose scalar, avx2, avx2_vnni, avx512, avx512_vnni, avx512_bf16 or amx.");
    for (int threads : new int[] {-1, 0, 1025}) {
      assertThatThrownBy(() -> Engine.open(options.withThreads(threads)))
          .isInstanceOf(ExecutionException.class)
          .hasMessage("The number of threads is " + threads + "; choose one from 1 to 1024.");
    }
    for (String size : List.of("", "lots", "-1", "1.5G", "12X", "9999999999999999")) {
      assertThatThrownBy(() -> EngineOptions.parseBytes(size))
          .isInstanceOf(EngineException.class)
          .hasMessageStartingWith("The memory is given as " + size + ";");
    }
    assertThatThrownBy(() -> EngineOptions.parseBytes("999999999999T"))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("more than any machine has");
    assertThat(EngineOptions.parseBytes(" 3k ")).isEqualTo(3L << 10);
    assertThat(EngineOptions.parseBytes("2T")).isEqualTo(2L << 40);
  }
}
