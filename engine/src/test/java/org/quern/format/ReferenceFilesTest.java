package org.quern.format;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.format.SafetensorsWriter.Tensor;
import org.quern.ir.DType;
import org.quern.ir.Shape;

/** Files that Hugging Face's own library wrote. */
class ReferenceFilesTest {
  @TempDir Path folder;

  private static List<Path> files(String name) throws IOException {
    try (var found = Files.walk(RawSafetensors.shared("fixtures"))) {
      List<Path> files = found.filter(file -> file.endsWith(name)).sorted().toList();
      assertThat(files).isNotEmpty();
      return files;
    }
  }

  private static List<Tensor> tensors(ModelWeights weights) {
    List<Tensor> tensors = new ArrayList<>();
    for (TensorEntry entry : weights.tensors().values()) {
      tensors.add(
          new Tensor(entry.name(), entry.dtype(), entry.shape(), weights.segment(entry.name())));
    }
    return tensors;
  }

  @Test
  void modelsAreWrittenByteForByteAsHuggingFaceWritesThem() throws IOException {
    for (Path file : files(ModelWeights.SINGLE_FILE)) {
      Path copy = folder.resolve("copy.safetensors");
      try (ModelWeights weights = ModelWeights.open(file.resolveSibling(""))) {
        SafetensorsWriter.standard()
            .withMetadata(weights.metadata())
            .writeFile(copy, tensors(weights));
      }
      assertThat(Files.mismatch(file, copy)).as(file.toString()).isEqualTo(-1);
    }
  }

  @Test
  void shardedModelsEqualWhatTheyWereMadeFrom() throws IOException {
    int sharded = 0;
    for (Path file : files(ModelWeights.SINGLE_FILE)) {
      Path copy = folder.resolve(file.getName(file.getNameCount() - 2).toString());
      try (ModelWeights weights = ModelWeights.open(file)) {
        SafetensorsWriter writer = SafetensorsWriter.standard().withShardBytes(50_000);
        sharded += writer.writeModel(copy, tensors(weights)).size() > 1 ? 1 : 0;
        try (ModelWeights again = ModelWeights.open(copy)) {
          assertThat(TensorComparison.compare(again, weights, 0).passed()).isTrue();
          assertThat(again.tensors().keySet()).isEqualTo(weights.tensors().keySet());
        }
      }
    }
    assertThat(sharded).isPositive();
  }

  @Test
  void halvesStayWithinTheirRounding() throws IOException {
    for (Path file : files(ModelWeights.SINGLE_FILE)) {
      try (ModelWeights weights = ModelWeights.open(file)) {
        for (Map.Entry<DType, Double> half :
            Map.of(DType.BF16, 0x1p-8, DType.F16, 0x1p-11).entrySet()) {
          Path copy = folder.resolve("half.safetensors");
          SafetensorsWriter.standard()
              .withFloatType(half.getKey())
              .writeFile(copy, tensors(weights));
          try (ModelWeights again = ModelWeights.open(copy)) {
            TensorComparison comparison = TensorComparison.compare(again, weights, half.getValue());
            assertThat(comparison.failures()).as(file.toString()).isEmpty();
          }
        }
      }
    }
  }

  @Test
  void expectedTensorsEqualThemselvesAndDifferFromTheModels() throws IOException {
    for (Path file : files("expected.safetensors")) {
      try (ModelWeights expected = ModelWeights.open(file);
          ModelWeights again = ModelWeights.open(file);
          ModelWeights model = ModelWeights.open(file.resolveSibling(""))) {
        TensorComparison same = TensorComparison.compare(again, expected, 0);
        assertThat(same.passed()).isTrue();
        assertThat(same.results()).hasSameSizeAs(expected.tensors().keySet());
        assertThat(TensorComparison.compare(model, expected, 1e9).passed()).isFalse();
      }
    }
  }

  @Test
  void inspectionAddsUp() throws IOException {
    Path gpt2 = RawSafetensors.shared("fixtures/gpt2");
    ModelInspection inspection = ModelInspection.of(gpt2);
    assertThat(inspection.totals()).containsOnlyKeys(DType.F32);
    assertThat(inspection.metadata()).containsEntry("format", "pt");
    assertThat(inspection.files()).hasSize(1);
    assertThat(inspection.files().getFirst().bytes())
        .isEqualTo(Files.size(gpt2.resolve(ModelWeights.SINGLE_FILE)))
        .isGreaterThan(inspection.bytes());
    // Tied head: 211 tokens and 64 positions of 48 channels, two layers, the last norm.
    long layer = 12L * 48 * 48 + 13 * 48;
    assertThat(inspection.elements()).isEqualTo((211 + 64) * 48 + 2 * layer + 2 * 48);
    assertThat(inspection.bytes()).isEqualTo(4 * inspection.elements());
    assertThat(inspection.tensors())
        .extracting(TensorEntry::name)
        .contains("transformer.wte.weight");
  }

  @Test
  void inspectionSumsTypesOverShards() {
    List<Tensor> tensors =
        List.of(
            Tensor.f32("a", Shape.of(3), RawSafetensors.floats(1, 2, 3)),
            new Tensor("b", DType.I32, Shape.of(2, 1), RawSafetensors.floats(1, 2)));
    SafetensorsWriter.standard()
        .withFloatType(DType.F16)
        .withShardBytes(6)
        .writeModel(folder, tensors);
    ModelInspection inspection = ModelInspection.of(folder);
    assertThat(inspection.files()).hasSize(2);
    assertThat(inspection.totals())
        .containsEntry(DType.F16, new ModelInspection.Total(1, 3, 6))
        .containsEntry(DType.I32, new ModelInspection.Total(1, 2, 8));
    assertThat(inspection.elements()).isEqualTo(5);
    assertThat(inspection.bytes()).isEqualTo(14);
  }

  @Test
  void configurationsAreRead() throws IOException {
    for (Path file : files("config.json")) {
      assertThat(ConfigJson.read(file).requireString("model_type")).isNotEmpty();
    }
    ConfigJson gpt2 = ConfigJson.read(RawSafetensors.shared("fixtures/gpt2/config.json"));
    assertThat(gpt2.requireInt("n_embd", 1, 1 << 16)).isEqualTo(48);
    assertThat(gpt2.has("n_inner")).isFalse();
    ConfigJson llama = ConfigJson.read(RawSafetensors.shared("fixtures/llama3-rope/config.json"));
    assertThat(llama.requireObject("rope_parameters").requireDouble("rope_theta", 1, 1e9))
        .isEqualTo(500_000);
  }
}
