package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.quern.exec.nativecpu.NativeKernels;

/** Calls the command line as tests need it: in this process or in one of its own. */
final class Cli {
  private static final List<String> WORDS =
      List.of("the", "mill", "turns", "and", "grinds", "corn", "so", "fine", "für", "日本", "héron");

  private Cli() {}

  /**
   * What a call gave.
   *
   * @param code exit code
   * @param out printed results
   * @param err printed errors
   */
  record Result(int code, String out, String err) {
    List<String> lines() {
      return out.lines().toList();
    }

    String lastLine() {
      return lines().getLast();
    }

    Result succeeded() {
      assertThat(code).as("exit code; %s%s", out, err).isZero();
      return this;
    }

    /** Exit code 1, and one sentence on the error stream that contains the given texts. */
    Result failedWith(String... texts) {
      assertThat(code).as("exit code; %s%s", out, err).isEqualTo(1);
      oneSentence();
      assertThat(err).contains(texts);
      return this;
    }

    void oneSentence() {
      assertThat(err).startsWith("quern: ").endsWith("." + System.lineSeparator());
      assertThat(err.lines()).as(err).hasSize(1);
      // A full stop before a capital would begin a second sentence.
      assertThat(err.strip()).doesNotContainPattern("[a-z)]\\. [A-Z]").doesNotContain("Exception");
    }
  }

  static Result run(Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int code = Main.run(new PrintWriter(out), new PrintWriter(err), strings(arguments));
    return new Result(code, out.toString(), err.toString());
  }

  static String[] strings(Object... arguments) {
    return Arrays.stream(arguments).map(Object::toString).toArray(String[]::new);
  }

  /** A training of a tiny model, in a second or so; further options may follow. */
  static Object[] tiny(Path data, Path out, Object... options) {
    Stream<Object> given =
        Stream.of(
            "train",
            "--data",
            data,
            "--out",
            out,
            "--tokens",
            "characters",
            "--model",
            "gpt2",
            "--layers",
            1,
            "--heads",
            2,
            "--channels",
            16,
            "--context",
            16,
            "--batch",
            4,
            "--threads",
            1);
    List<String> replaced =
        Arrays.stream(options).map(Object::toString).filter(o -> o.startsWith("--")).toList();
    List<Object> all = new ArrayList<>();
    List<Object> base = given.toList();
    all.add(base.getFirst());
    for (int index = 1; index < base.size(); index += 2) {
      if (!replaced.contains(base.get(index).toString())) {
        all.add(base.get(index));
        all.add(base.get(index + 1));
      }
    }
    all.addAll(Arrays.asList(options));
    return all.toArray();
  }

  /** A text of about so many bytes, always the same. */
  static Path text(Path file, int bytes) throws IOException {
    Random random = new Random(7);
    StringBuilder text = new StringBuilder();
    while (text.length() < bytes) {
      text.append(WORDS.get(random.nextInt(WORDS.size())));
      text.append(random.nextInt(8) == 0 ? ".\n" : " ");
    }
    return Files.writeString(file, text);
  }

  /** The command that runs the command line in a process of its own. */
  static List<String> command(Object... arguments) {
    String classPath =
        Stream.of("jdk.module.path", "java.class.path")
            .map(System::getProperty)
            .filter(path -> path != null && !path.isEmpty())
            .collect(Collectors.joining(File.pathSeparator));
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "--enable-native-access=ALL-UNNAMED",
            "-Djava.awt.headless=true"));
    if (!NativeKernels.find().isLoaded()) {
      command.addAll(List.of("--add-modules", "jdk.incubator.vector"));
    }
    command.addAll(List.of("-cp", classPath, Main.class.getName()));
    command.addAll(List.of(strings(arguments)));
    return command;
  }

  /** Runs a command and waits for its end. */
  static Result process(ProcessBuilder builder, Path folder)
      throws IOException, InterruptedException {
    Path out = Files.createTempFile(folder, "out", ".txt");
    Path err = Files.createTempFile(folder, "err", ".txt");
    Process process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
    return finished(process, out, err);
  }

  static File nothing() {
    return new File(File.separatorChar == '/' ? "/dev/null" : "NUL");
  }

  static Result finished(Process process, Path out, Path err)
      throws IOException, InterruptedException {
    int code = process.waitFor();
    return new Result(
        code,
        Files.readString(out, StandardCharsets.UTF_8),
        Files.readString(err, StandardCharsets.UTF_8));
  }

  static void requireNative() {
    Assumptions.assumeTrue(
        NativeKernels.find().isLoaded(), "skipped: there is no native library here");
  }

  /** A file or folder of the shared test inputs; the test is skipped where it is absent. */
  static Path shared(String path) {
    String folder = System.getProperty("quern.shared");
    Assumptions.assumeTrue(folder != null, "skipped: the system property quern.shared is not set");
    Path found = Path.of(folder).resolve(path);
    Assumptions.assumeTrue(Files.exists(found), () -> "skipped: " + found + " is absent");
    return found;
  }

  static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Path target = to.resolve(from.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(target);
        } else {
          Files.write(target, Files.readAllBytes(file));
        }
      }
    }
  }
}
