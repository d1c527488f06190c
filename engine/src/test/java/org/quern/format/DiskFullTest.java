package org.quern.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A disk that is really full: a small file system in a mount namespace of another process. */
class DiskFullTest {
  @TempDir Path folder;

  private record Output(int status, String text) {}

  private Output run(String command) throws IOException, InterruptedException {
    Path out = folder.resolve("out.txt");
    Process process =
        new ProcessBuilder("unshare", "--map-root-user", "--mount", "sh", "-c", command)
            .redirectErrorStream(true)
            .redirectOutput(out.toFile())
            .start();
    if (!process.waitFor(2, TimeUnit.MINUTES)) {
      process.destroyForcibly();
    }
    return new Output(process.waitFor(), Files.readString(out, StandardCharsets.UTF_8));
  }

  private static String classPath() throws URISyntaxException {
    URI here =
        Objects.requireNonNull(DiskFullProgram.class.getResource("DiskFullProgram.class")).toURI();
    Path tests = Path.of(here).getParent().getParent().getParent().getParent();
    return String.join(
        File.pathSeparator,
        tests.toString(),
        System.getProperty("java.class.path", ""),
        System.getProperty("jdk.module.path", ""));
  }

  private static boolean hasNamespaces(Path out, Path disk) {
    try {
      return new ProcessBuilder(
                  "unshare",
                  "--map-root-user",
                  "--mount",
                  "mount",
                  "-t",
                  "tmpfs",
                  "t",
                  disk.toString())
              .redirectErrorStream(true)
              .redirectOutput(out.toFile())
              .start()
              .waitFor()
          == 0;
    } catch (IOException absent) {
      return false;
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  @Test
  void aFullDiskGivesOneSentenceAndLeavesTheOldModelAlone() throws Exception {
    Path disk = Files.createDirectory(folder.resolve("disk"));
    assumeTrue(
        hasNamespaces(folder.resolve("probe.txt"), disk),
        "skipped: this system lets no user mount a small file system in a namespace");
    Path java = Path.of(System.getProperty("java.home"), "bin", "java");
    Output output =
        run(
            "mount -t tmpfs -o size=256k quern '%s' && exec '%s' -Xmx128m -cp '%s' %s '%s'"
                .formatted(disk, java, classPath(), DiskFullProgram.class.getName(), disk));
    assertThat(output.status()).as(output.text()).isZero();
    List<String> lines = output.text().lines().toList();
    assertThat(lines).as(output.text()).hasSize(5);
    assertThat(lines.get(0)).isEqualTo("[model.safetensors] written");
    for (String line : lines.subList(1, 4)) {
      assertThat(line)
          .startsWith("[model.safetensors] " + disk)
          .contains("was not written because the disk is full")
          .endsWith(" free some or choose another folder.");
    }
    assertThat(lines.get(1)).contains("it takes 320,");
    assertThat(lines.get(4)).isEqualTo("kept [1000]");
  }
}
