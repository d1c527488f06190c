package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JsonLogTest {
  @TempDir Path folder;
  private Path file;

  @BeforeEach
  void setUp() {
    file = folder.resolve(JsonLog.FILE);
  }

  private void write(long after, long first, long last) {
    StepReport report = new StepReport(100);
    try (JsonLog log = JsonLog.open(file, after)) {
      for (long step = first; step <= last; step++) {
        report.result(step, 1f / step, 1e-4f, 0.25f);
        report.times(0, 64, 2_000_000, 2_000_000);
        log.write(report, step % 2 == 0 ? 0.5 : Double.NaN);
      }
      log.sync();
    }
  }

  private List<Long> steps() {
    return JsonLog.read(file).stream().map(JsonLog.Entry::step).toList();
  }

  @Test
  void writesAnObjectALine() throws IOException {
    write(0, 1, 2);
    assertThat(file)
        .hasContent(
            """
            {"step":1,"loss":1.0,"learning_rate":1.0E-4,"grad_norm":0.25,"tokens_per_second":32000.0}
            {"step":2,"loss":0.5,"learning_rate":1.0E-4,"grad_norm":0.25,"tokens_per_second":32000.0,\
            "val_loss":0.5}
            """);
    assertThat(JsonLog.read(file))
        .containsExactly(
            new JsonLog.Entry(1, 1, 1e-4, 0.25, 32000, OptionalDouble.empty()),
            new JsonLog.Entry(2, 0.5, 1e-4, 0.25, 32000, OptionalDouble.of(0.5)));
  }

  @Test
  void goesOnWithoutTheStepsThatAreDoneAgain() {
    write(0, 1, 9);
    write(6, 7, 8);
    assertThat(steps()).containsExactly(1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L);
  }

  @Test
  void cutsOffALineThatIsNotWhole() throws IOException {
    write(0, 1, 4);
    byte[] whole = Files.readAllBytes(file);
    for (int cut = 1; cut < 60; cut++) {
      Files.write(file, Arrays.copyOf(whole, whole.length - cut));
      assertThat(steps()).as("read after a cut of " + cut).startsWith(1L, 2L, 3L);
      write(4, 5, 5);
      assertThat(steps()).as("after a cut of " + cut).containsExactly(1L, 2L, 3L, 5L);
    }
  }

  @Test
  void beginsAnewAtStepZero() {
    write(0, 1, 9);
    write(0, 1, 2);
    assertThat(steps()).containsExactly(1L, 2L);
  }

  @Test
  void saysWhatCannotBeRead() {
    assertThatThrownBy(() -> JsonLog.read(file))
        .isInstanceOf(TrainingException.class)
        .hasMessageContaining(file.toString());
  }
}
