package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.exec.nativecpu.NativeKernels;

/**
 * What a program allocates that trains: in a process of its own, since how well the JVM compiles
 * the Vector API's loops depends on all that ran in it before.
 */
class TrainerAllocationTest {
  @TempDir Path folder;

  @Test
  void aHundredStepsOnTheNativeBackendAllocateNothing() throws Exception {
    assumeTrue(NativeKernels.find().isLoaded(), "skipped: the native library is not there");
    assertAllocatesNothing("native");
  }

  @Test
  void aHundredStepsOnTheVectorApiAllocateNothing() throws Exception {
    assertAllocatesNothing("vector");
  }

  private void assertAllocatesNothing(String backend) throws IOException, InterruptedException {
    Path errors = folder.resolve("errors");
    Process process =
        new ProcessBuilder(TrainingProcess.compiled("allocation", backend))
            .redirectError(errors.toFile())
            .start();
    List<String> lines =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
            .lines()
            .toList();
    assertThat(process.waitFor()).as(Files.readString(errors)).isZero();
    assertThat(lines)
        .hasSize(2)
        .first()
        .asString()
        .matches("in all [1-9][0-9]* bytes by the caller, off the heap 0");
    assertThat(lines.getLast()).isEqualTo("in the last hundred steps [0, 0]");
  }
}
