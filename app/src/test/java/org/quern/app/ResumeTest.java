package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/** Trainings in processes that are ended by signals, and resumed. */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "skipped: Windows has no such signals")
final class ResumeTest {
  private static final int STEPS = 3000;
  private static final String WEIGHTS = "model/model.safetensors";

  @TempDir private Path folder;
  private Path text;

  @BeforeEach
  void makeText() throws IOException {
    text = Cli.text(folder.resolve("text.txt"), 6000);
  }

  private Object[] training(Path out, int steps) {
    return Cli.tiny(
        text,
        out,
        "--steps",
        steps,
        "--dropout",
        0.1,
        "--accumulate",
        2,
        "--sample-every",
        0,
        "--eval-every",
        1000,
        "--checkpoint-every",
        500);
  }

  /** A process that trains; its signal for Ctrl-C may be ignored, which children inherit. */
  private record Training(Process process, Path run, Path out, Path err) {
    void awaitSteps(int steps) throws IOException, InterruptedException {
      Path log = run.resolve("log.jsonl");
      while (process.isAlive() && (!Files.exists(log) || Files.readAllLines(log).size() < steps)) {
        Thread.sleep(5);
      }
      assertThat(process.isAlive()).as("%s", Files.readString(err)).isTrue();
    }

    boolean ignoresInterrupts() throws IOException {
      Path status = Path.of("/proc", String.valueOf(process.pid()), "status");
      if (!Files.exists(status)) {
        return false;
      }
      String ignored =
          Files.readAllLines(status).stream()
              .filter(line -> line.startsWith("SigIgn:"))
              .map(line -> line.substring("SigIgn:".length()).strip())
              .findFirst()
              .orElse("0");
      return (Long.parseUnsignedLong(ignored, 16) & 2) != 0;
    }

    void signal(String name) throws IOException, InterruptedException {
      int code =
          new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid()))
              .inheritIO()
              .start()
              .waitFor();
      assertThat(code).isZero();
    }
  }

  private Training start(Path run, Object... arguments) throws IOException {
    Path out = Files.createTempFile(folder, "out", ".txt");
    Path err = Files.createTempFile(folder, "err", ".txt");
    Process process =
        new ProcessBuilder(Cli.command(arguments))
            .redirectInput(Cli.nothing())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    return new Training(process, run, out, err);
  }

  private static int lastStep(Path run) throws IOException {
    List<String> lines = Files.readAllLines(run.resolve("log.jsonl"));
    return new JsonMapper().readTree(lines.getLast()).path("step").asInt();
  }

  @Test
  void aRunThatWasInterruptedAndKilledEndsAsIfItHadNotBeen()
      throws IOException, InterruptedException {
    Path whole = folder.resolve("whole");
    Cli.run(training(whole, STEPS)).succeeded();

    Path run = folder.resolve("run");
    Training first = start(run, training(run, STEPS));
    first.awaitSteps(5);
    boolean terminated = first.ignoresInterrupts();
    first.signal(terminated ? "TERM" : "INT");
    Cli.Result stopped = Cli.finished(first.process(), first.out(), first.err());
    assertThat(stopped.code()).isEqualTo(terminated ? 143 : 130);
    assertThat(stopped.err()).isEmpty();
    assertThat(stopped.lastLine()).contains("Stopped after step", "quern train --resume " + run);
    int step = lastStep(run);
    assertThat(step).isBetween(5, STEPS - 1);
    assertThat(run.resolve("checkpoint-" + step).resolve("DONE")).isNotEmptyFile();
    assertThat(run.resolve("model")).doesNotExist();

    Training second = start(run, "train", "--resume", run);
    second.awaitSteps(step + 5);
    second.process().destroyForcibly().waitFor();
    assertThat(lastStep(run)).isLessThan(STEPS);

    Cli.Result resumed = Cli.run("train", "--resume", run).succeeded();
    assertThat(resumed.out()).contains("Going on after step");
    assertThat(run.resolve(WEIGHTS)).hasSameBinaryContentAs(whole.resolve(WEIGHTS));
    assertThat(losses(run)).isEqualTo(losses(whole));
    assertThat(resumed.lastLine()).startsWith("Validation loss: ");
  }

  /** Steps and losses of the log: all but the times. */
  private static List<String> losses(Path run) throws IOException {
    List<String> losses = new ArrayList<>();
    for (String line : Files.readAllLines(run.resolve("log.jsonl"))) {
      losses.add(line.replaceAll("\"tokens_per_second\":[^,}]*", ""));
    }
    return losses;
  }

  @Test
  void twoProcessesDoNotTrainInOneFolder() throws IOException, InterruptedException {
    Path run = folder.resolve("run");
    Training first = start(run, training(run, 1_000_000));
    first.awaitSteps(1);
    Cli.run("train", "--resume", run).failedWith("Another training");
    first.process().destroyForcibly().waitFor();
  }
}
