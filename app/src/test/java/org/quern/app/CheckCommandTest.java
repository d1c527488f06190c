package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.format.ModelWeights;
import org.quern.format.SafetensorsFile;

final class CheckCommandTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"gpt2", "gpt2-ignored-labels", "llama-gqa", "qwen3"})
  void aCasePasses(String name) {
    Path reference = Cli.shared("fixtures/" + name);
    Path out = folder.resolve("ours.safetensors");
    Cli.Result result = Cli.run("check", "--threads", 1, reference, "--out", out).succeeded();
    assertThat(result.lastLine()).matches("\\d+ tensors compared, 0 beyond the tolerance\\.");
    try (ModelWeights ours = SafetensorsFile.open(out);
        ModelWeights expected = SafetensorsFile.open(reference.resolve("expected.safetensors"))) {
      assertThat(ours.tensors().keySet()).containsAll(expected.tensors().keySet());
    }
  }

  @Test
  void aCasePassesOnTheVectorBackendAndOnEachTier() {
    Path reference = Cli.shared("fixtures/gpt2");
    Cli.run("check", "--threads", 1, reference, "--backend", "vector").succeeded();
    Cli.run("check", "--threads", 1, reference, "--max-isa", "scalar").succeeded();
    Cli.run("check", "--threads", 1, reference, "--max-isa", "avx2").succeeded();
  }

  @Test
  void withoutKnownResultsTheCaseIsComputedAllTheSame() throws IOException {
    Path reference = copy("llama-gqa");
    Path known = reference.resolve("expected.safetensors");
    Path first = folder.resolve("first.safetensors");
    Path second = folder.resolve("second.safetensors");
    Cli.run("check", "--threads", 1, reference, "--out", first).succeeded();
    Files.delete(known);
    Cli.Result result = Cli.run("check", "--threads", 1, reference, "--out", second).succeeded();
    assertThat(result.lastLine()).contains("no expected.safetensors");
    assertThat(second).hasSameBinaryContentAs(first);
  }

  @Test
  void aDifferenceFails() throws IOException {
    Path reference = copy("gpt2");
    Path known = reference.resolve("expected.safetensors");
    byte[] bytes = Files.readAllBytes(known);
    // The sign and exponent of a float near the end.
    bytes[bytes.length - 1] ^= 0x40;
    Files.write(known, bytes);
    Cli.Result result = Cli.run("check", "--threads", 1, reference);
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.lastLine()).matches("\\d+ tensors compared, 1 beyond the tolerance\\.");
    assertThat(result.err()).startsWith("quern: ").contains("gpt2", "1 ");
    result.oneSentence();
  }

  @Test
  void aTensorThatIsMissingOrDamagedFails() throws IOException {
    Path reference = copy("gpt2");
    Path known = reference.resolve("expected.safetensors");
    byte[] bytes = Files.readAllBytes(known);
    Files.write(known, Arrays.copyOf(bytes, bytes.length - 100));
    Cli.run("check", "--threads", 1, reference).failedWith("expected.safetensors");
    Files.write(known, bytes);
    Files.delete(reference.resolve("inputs.safetensors"));
    Cli.run("check", "--threads", 1, reference).failedWith("inputs.safetensors");
  }

  @Test
  void anOutputThatCannotBeWrittenIsRefused() {
    Path reference = Cli.shared("fixtures/gpt2");
    Path out = folder.resolve("no/such/folder/ours.safetensors");
    Cli.run("check", "--threads", 1, reference, "--out", out).failedWith("ours.safetensors");
    Cli.run("check", "--threads", 1, reference, "--out", folder).failedWith(folder.toString());
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void theCaseIsReadOnly() throws IOException {
    Path reference = copy("gpt2");
    Path known = reference.resolve("expected.safetensors");
    Cli.run("check", "--threads", 1, reference, "--out", known).failedWith("expected.safetensors");
    assertThat(known)
        .hasSameBinaryContentAs(Cli.shared("fixtures/gpt2").resolve("expected.safetensors"));
  }

  private Path copy(String name) throws IOException {
    Path copy = folder.resolve(name);
    Cli.copy(Cli.shared("fixtures/" + name), copy);
    return copy;
  }
}
