package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What only a process of its own can show: killed, on a full disk, opened and closed often. */
class TrainingProcessTest {
  private static final int KILLS = 7;

  @TempDir Path folder;

  @Test
  void aTrainingKilledAgainAndAgainEndsInTheSameBits() throws Exception {
    Path straight = folder.resolve("straight");
    Path killed = folder.resolve("killed");
    TrainingProcess.train(straight, line -> {});
    Random random = new Random(7);
    List<Long> resumed = new ArrayList<>();
    for (int kill = 0; kill < KILLS; kill++) {
      // The first are killed about their first checkpoint, the others later.
      resumed.add(resumeAndKill(killed, kill < 2 ? 1 : 2 + random.nextInt(6), random));
    }
    resumed.add(resumeAndKill(killed, Integer.MAX_VALUE, random));
    assertThat(resumed).as("steps resumed from").isSorted().startsWith(0L);
    assertThat(resumed.getLast()).isBetween(2L * KILLS, TrainingProcess.STEPS - 1L);
    for (String file : List.of("model.safetensors", CheckpointStore.TRAINING, "training.json")) {
      String last = "checkpoint-" + TrainingProcess.STEPS + "/" + file;
      assertThat(Files.mismatch(killed.resolve(last), straight.resolve(last)))
          .as(file)
          .isEqualTo(-1);
    }
    List<JsonLog.Entry> log = JsonLog.read(killed.resolve(JsonLog.FILE));
    assertThat(log)
        .extracting(JsonLog.Entry::step)
        .containsExactlyElementsOf(
            LongStream.rangeClosed(1, TrainingProcess.STEPS).boxed().toList());
    assertThat(log)
        .extracting(JsonLog.Entry::loss)
        .isEqualTo(
            JsonLog.read(straight.resolve(JsonLog.FILE)).stream()
                .map(JsonLog.Entry::loss)
                .toList());
    try (var left = Files.list(killed)) {
      assertThat(left.map(path -> path.getFileName().toString()))
          .containsExactlyInAnyOrder(".lock", JsonLog.FILE, "checkpoint-200", "checkpoint-198");
    }
  }

  /**
   * Starts a process that goes on with the training, and kills it.
   *
   * @param saves after this many checkpoints and up to the time that two more take
   * @return the step that it resumed from
   */
  private long resumeAndKill(Path run, int saves, Random random)
      throws IOException, InterruptedException {
    Path err = folder.resolve("err");
    Process process =
        new ProcessBuilder(TrainingProcess.command("train", run.toString()))
            .redirectError(ProcessBuilder.Redirect.appendTo(err.toFile()))
            .start();
    List<String> lines = new ArrayList<>();
    long last = System.nanoTime();
    int saved = 0;
    try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
      for (String line = out.readLine(); line != null; line = out.readLine()) {
        lines.add(line);
        long now = System.nanoTime();
        saved += line.startsWith("saved ") ? 1 : 0;
        if (saved == saves) {
          long most = Math.min(2 * (now - last), TimeUnit.SECONDS.toNanos(1));
          TimeUnit.NANOSECONDS.sleep(random.nextLong(most));
          // By its handle, which leaves the output open that it has written already.
          assertThat(process.toHandle().destroyForcibly()).isTrue();
          saves = 0;
        }
        last = now;
      }
    } finally {
      process.destroyForcibly();
    }
    process.waitFor();
    assertThat(lines)
        .as(Files.readString(err))
        .isNotEmpty()
        .allMatch(line -> line.matches("(resumed|saved|end) \\d+"));
    assertThat(lines.getLast().startsWith("end ")).isEqualTo(saves == Integer.MAX_VALUE);
    return Long.parseLong(lines.getFirst().substring("resumed ".length()));
  }

  @Test
  void aFullDiskGivesOneSentenceAndLeavesTheEarlierCheckpointAlone() throws Exception {
    Path disk = Files.createDirectory(folder.resolve("disk"));
    String mount = "mount -t tmpfs -o size=600k quern '" + disk + "'";
    assumeTrue(
        run(List.of("unshare", "--map-root-user", "--mount", "sh", "-c", mount)).status() == 0,
        "skipped: this system lets no user mount a small file system in a namespace");
    String java =
        String.join(
            " ",
            TrainingProcess.command("fill", disk.toString()).stream()
                .map(word -> "'" + word + "'")
                .toList());
    Output output =
        run(
            List.of(
                "unshare", "--map-root-user", "--mount", "sh", "-c", mount + " && exec " + java));
    assertThat(output.status()).as(output.text()).isZero();
    assertThat(output.text().lines().filter(line -> !line.startsWith("WARNING")))
        .containsExactly(
            "The checkpoint of step 4 could not be written to "
                + disk
                + ", and earlier ones are as they were: the disk is full; free some of it.",
            "[.lock, checkpoint-2, log.jsonl]",
            "intact Optional[2]");
  }

  @Test
  void twoHundredCyclesLeaveTheResidentMemoryFlat() throws Exception {
    assumeTrue(
        Files.isReadable(Path.of("/proc/self/status")),
        "skipped: this system does not say how much memory is resident");
    Output output = run(TrainingProcess.command("cycles", "200"));
    assertThat(output.status()).as(output.text()).isZero();
    assertThat(output.text()).doesNotContain("left");
    List<Long> resident =
        output
            .text()
            .lines()
            .filter(line -> line.startsWith("resident "))
            .map(line -> Long.parseLong(line.substring("resident ".length())))
            .toList();
    assertThat(resident).hasSize(4);
    // A cycle takes more than 8 MiB, so that 150 of them forgotten would be 1.2 GiB.
    assertThat(resident.get(3) - resident.get(0))
        .as("growth in KiB over 150 cycles, of " + resident)
        .isLessThan(48 << 10);
  }

  private record Output(int status, String text) {}

  private Output run(List<String> command) throws IOException, InterruptedException {
    Path out = folder.resolve("out.txt");
    Process process;
    try {
      process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(out.toFile())
              .start();
    } catch (IOException absent) {
      return new Output(127, absent.toString());
    }
    if (!process.waitFor(5, TimeUnit.MINUTES)) {
      process.destroyForcibly();
    }
    return new Output(process.waitFor(), Files.readString(out));
  }
}
