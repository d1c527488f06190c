package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two trainings that begin at once. */
class RunFolderTest {
  @TempDir private Path folder;

  @Test
  void onlyOneBeginsInAFolder() throws Exception {
    for (int round = 0; round < 20; round++) {
      Path wanted = folder.resolve("run" + round);
      assertThat(begun(List.of(() -> RunFolder.create(wanted), () -> RunFolder.create(wanted))))
          .hasSize(1);
    }
  }

  private static List<RunFolder> begun(List<Callable<RunFolder>> calls)
      throws InterruptedException {
    List<RunFolder> made = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(calls.size())) {
      for (Future<RunFolder> each : threads.invokeAll(calls)) {
        try {
          made.add(each.get());
        } catch (ExecutionException refused) {
          assertThat(refused).hasCauseInstanceOf(AppException.class);
        }
      }
    }
    return made;
  }

  @Test
  void whoComesLaterChangesNothing() throws IOException {
    Path wanted = folder.resolve("run");
    RunFolder first = RunFolder.create(wanted);
    assertThatThrownBy(() -> RunFolder.create(wanted))
        .isInstanceOf(AppException.class)
        .hasMessageContaining("not empty");
    assertThat(wanted).exists();
    Files.writeString(first.tokens().resolveSibling("tokens.bin.7.part"), "half");
    first.discardUnlessTrained();
    assertThat(wanted).doesNotExist();
  }
}
