package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A training without a text of one's own. */
final class DefaultRunTest {
  @TempDir private Path folder;

  @Test
  void theDefaultTextIsFoundAndTrains() {
    Path home = Path.of(System.getProperty("java.home"));
    assumeTrue(
        Files.exists(home.resolve("lib/src.zip")) || Files.isDirectory(home.resolve("legal")),
        "skipped: this JDK has neither its sources nor legal notices");
    Path out = folder.resolve("run");
    Cli.Result result =
        Cli.run("train", "--steps", 3, "--eval-batches", 1, "--batch", 2, "--out", out).succeeded();
    assertThat(result.out()).contains("Text: ", "1,024 tokens");
    assertThat(result.lastLine()).startsWith("Validation loss: ");
    Cli.run("generate", out, "public static ", "--max-tokens", 3).succeeded();
  }
}
