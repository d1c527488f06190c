package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What depends on a process: its locale, its pipes, its disk. */
final class ProcessTest {
  @TempDir private Path folder;

  @Test
  void textIsUtf8WhateverTheLocale() throws IOException, InterruptedException {
    Path text = Cli.text(folder.resolve("text.txt"), 2000);
    Path run = folder.resolve("run");
    Cli.run(Cli.tiny(text, run, "--steps", 1)).succeeded();
    String words = "für 日本 héron";
    String ids = Cli.run("tokenize", run, words, "--ids").succeeded().out().strip();
    for (String locale : List.of("C", "C.UTF-8", "en_US.ISO-8859-1")) {
      ProcessBuilder decode = new ProcessBuilder(Cli.command("tokenize", run, "--decode", ids));
      decode.environment().put("LC_ALL", locale);
      assertThat(Cli.process(decode, folder).succeeded().out().strip()).isEqualTo(words);

      Path input = Files.writeString(folder.resolve("input.txt"), words);
      ProcessBuilder encode = new ProcessBuilder(Cli.command("tokenize", run, "-", "--ids"));
      encode.environment().put("LC_ALL", locale);
      encode.redirectInput(input.toFile());
      assertThat(Cli.process(encode, folder).succeeded().out().strip()).isEqualTo(ids);
    }
  }

  @Test
  void aStandardInputThatIsNotUtf8IsRefused() throws IOException, InterruptedException {
    Path text = Cli.text(folder.resolve("text.txt"), 2000);
    Path run = folder.resolve("run");
    Cli.run(Cli.tiny(text, run, "--steps", 1)).succeeded();
    Path input = Files.write(folder.resolve("input.txt"), new byte[] {'a', (byte) 0xe9, 'b'});
    ProcessBuilder encode = new ProcessBuilder(Cli.command("tokenize", run, "-"));
    Cli.process(encode.redirectInput(input.toFile()), folder).failedWith("UTF-8");
  }

  @Test
  void aReaderThatGoesAwayEndsTheText() throws IOException, InterruptedException {
    Path model = Cli.shared("models/stories260k");
    Path err = folder.resolve("err.txt");
    Process process =
        new ProcessBuilder(
                Cli.command("generate", model, "Once", "--ignore-end", "--max-tokens", 500))
            .redirectInput(Cli.nothing())
            .redirectError(err.toFile())
            .start();
    try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
      assertThat(reader.read()).isEqualTo('O');
    }
    assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
    assertThat(process.exitValue()).isZero();
    assertThat(Files.readString(err)).contains("cancelled").doesNotContain("Exception", "\tat ");
  }

  @Test
  void aFullDiskIsToldAndEarlierCheckpointsStay() throws IOException, InterruptedException {
    Path disk = Files.createDirectory(folder.resolve("disk"));
    assumeTrue(
        mountsInNamespace(disk),
        "skipped: this system lets no user mount a small file system in a namespace");
    Path text = Cli.text(folder.resolve("text.txt"), 3000);
    Path run = disk.resolve("run");
    // Room for the first checkpoint of about 310 KiB, but not for the second.
    Object[] training =
        Cli.tiny(text, run, "--steps", 4, "--channels", 32, "--layers", 2, "--sample-every", 0);
    String script =
        "mount -t tmpfs -o size=600k quern \"$0\" && \"$@\"; code=$?; ls \"$0\"/run/*/DONE; exit"
            + " $code";
    List<String> command =
        new ArrayList<>(
            List.of("unshare", "--map-root-user", "--mount", "sh", "-c", script, disk.toString()));
    command.addAll(Cli.command(training));
    Cli.Result result = Cli.process(new ProcessBuilder(command), folder);
    result.failedWith("disk is full", "checkpoint");
    assertThat(result.out()).contains("checkpoint-1/DONE").doesNotContain("checkpoint-2/DONE");
  }

  private boolean mountsInNamespace(Path disk) throws InterruptedException {
    try {
      ProcessBuilder mount =
          new ProcessBuilder(
              "unshare",
              "--map-root-user",
              "--mount",
              "mount",
              "-t",
              "tmpfs",
              "t",
              disk.toString());
      return Cli.process(mount, folder).code() == 0;
    } catch (IOException absent) {
      return false;
    }
  }

  @Test
  void aHeapThatIsTooSmallIsToldInOneSentence() throws IOException, InterruptedException {
    // Reading the standard input whole takes twice its size.
    Path input = folder.resolve("input.txt");
    byte[] chunk = "the mill turns\n".repeat(1 << 16).getBytes(StandardCharsets.UTF_8);
    try (var out = Files.newOutputStream(input)) {
      for (int index = 0; index < 40; index++) {
        out.write(chunk);
      }
    }
    Path text = Cli.text(folder.resolve("text.txt"), 2000);
    Path run = folder.resolve("run");
    Cli.run(Cli.tiny(text, run, "--steps", 1)).succeeded();
    List<String> command = Cli.command("tokenize", run, "-");
    command.set(1, "-Xmx24m");
    ProcessBuilder tokenize = new ProcessBuilder(command).redirectInput(input.toFile());
    Cli.process(tokenize, folder).failedWith("heap", "-Xmx");
  }
}
