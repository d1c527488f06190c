package org.quern.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The machine's C compiler. */
public final class TestCompiler {
  private TestCompiler() {}

  /** Runs it, or skips the test, saying so, where there is none. */
  public static void cc(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("cc"));
    command.addAll(List.of(arguments));
    Path log = Files.createTempFile("cc", ".log");
    try {
      int status = start(command, log).waitFor();
      assertThat(status).as(Files.readString(log)).isZero();
    } finally {
      Files.delete(log);
    }
  }

  private static Process start(List<String> command, Path log) {
    try {
      return new ProcessBuilder(command)
          .redirectErrorStream(true)
          .redirectOutput(log.toFile())
          .start();
    } catch (IOException e) {
      assumeTrue(false, "needs a C compiler: " + e.getMessage());
      throw new AssertionError(e);
    }
  }
}
