package org.quern;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.exec.nativecpu.NativeKernels;

/** What the README shows: its examples are compiled and run as they stand, in processes. */
class ReadmeTest {
  private static final Path ROOT = Path.of(System.getProperty("basedir", ".")).resolve("..");
  private static final Path FILE = ROOT.resolve("README.md").normalize();
  private static final Pattern BLOCK = Pattern.compile("(?ms)^```java\n(.*?)^```$");
  private static final Pattern SETTING = Pattern.compile("\"(quern\\.[a-z.]+)\"");
  private static final Pattern VARIABLE = Pattern.compile("\\bQUERN_[A-Z]+(_[A-Z]+)*\\b");

  @TempDir Path folder;

  /** The text that the examples name. */
  @BeforeEach
  void copyText() throws IOException {
    Files.copy(FILE, folder.resolve("text.txt"));
  }

  @Test
  void aModelIsTrainedAndSavedAndThenLoadedAndWrites() throws Exception {
    assertThat(run(example("model.train("))).isEmpty();
    assertThat(folder.resolve("model/model.safetensors")).isNotEmptyFile();
    assertThat(run(example("engine.load("))).isNotEmpty();
  }

  @Test
  void aTrainingLeavesCheckpointsAndGoesOn() throws Exception {
    String source = example("trainer.resume()");
    assertThat(run(source)).contains("step 50: ", "step 100: ", " nats a token on held-out text");
    assertThat(folder.resolve("run/log.jsonl")).isNotEmptyFile();
    assertThat(folder.resolve("run/checkpoint-100/model.safetensors")).isNotEmptyFile();
    assertThat(run(source)).doesNotContain("step 50: ").isNotEmpty();
  }

  @Test
  void everySettingIsListed() throws IOException {
    String options =
        Files.readString(ROOT.resolve("engine/src/main/java/org/quern/EngineOptions.java"));
    List<String> settings = found(SETTING, options, match -> match.group(1));
    List<String> variables =
        found(VARIABLE, options + Files.readString(ROOT.resolve("quern")), MatchResult::group);
    assertThat(settings).hasSizeGreaterThan(3);
    assertThat(variables).contains("QUERN_VECTOR", "QUERN_MAX_ISA");
    assertThat(Files.readString(FILE))
        .contains(settings.stream().map(name -> "| `" + name + "` | ").toList())
        .contains(variables.stream().map(name -> "`" + name).toList());
  }

  private static List<String> found(
      Pattern pattern, String text, Function<MatchResult, String> part) {
    return pattern.matcher(text).results().map(part).distinct().toList();
  }

  /** The example with these words. */
  private static String example(String words) throws IOException {
    List<String> examples = found(BLOCK, Files.readString(FILE), match -> match.group(1));
    assertThat(examples).hasSize(3);
    return examples.stream().filter(example -> example.contains(words)).findFirst().orElseThrow();
  }

  /** What a program prints. */
  private String run(String source) throws IOException, InterruptedException {
    Path file = Files.writeString(folder.resolve("Example.java"), source);
    Path out = folder.resolve("out.txt");
    Path errors = folder.resolve("errors.txt");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx512m", "--enable-native-access=ALL-UNNAMED"));
    if (!NativeKernels.find().isLoaded()) {
      command.addAll(List.of("--add-modules", "jdk.incubator.vector"));
    }
    command.addAll(List.of("-cp", classPath(), file.getFileName().toString()));
    Process process =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectOutput(out.toFile())
            .redirectError(errors.toFile())
            .start();
    assertThat(process.waitFor(10, TimeUnit.MINUTES)).isTrue();
    assertThat(process.exitValue()).as(Files.readString(errors)).isZero();
    return Files.readString(out);
  }

  private static String classPath() {
    return Stream.of("jdk.module.path", "java.class.path")
        .map(name -> System.getProperty(name, ""))
        .filter(path -> !path.isEmpty())
        .collect(Collectors.joining(File.pathSeparator));
  }
}
