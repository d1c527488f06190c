package org.quern.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.quern.format.RawSafetensors.floats;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.format.SafetensorsWriter.Tensor;
import org.quern.ir.DType;
import org.quern.ir.Shape;

class SafetensorsWriterTest {
  @TempDir Path folder;

  private static MemorySegment random(long elements, long seed) {
    Random random = new Random(seed);
    MemorySegment segment = MemorySegment.ofArray(new byte[(int) elements * 4]);
    for (long i = 0; i < elements; i++) {
      segment.set(ValueLayout.JAVA_FLOAT_UNALIGNED, i * 4, (float) random.nextGaussian());
    }
    return segment;
  }

  private static List<Tensor> model() {
    return List.of(
        Tensor.f32("wte.weight", Shape.of(7, 5), random(35, 1)),
        Tensor.f32("h.0.b", Shape.of(5), random(5, 2)),
        new Tensor("ids", DType.I64, Shape.of(2), MemorySegment.ofArray(new byte[16])),
        Tensor.f32("h.1.b", Shape.of(1, 1, 3), random(3, 3)),
        Tensor.f32("empty", Shape.of(0, 3), random(0, 4)),
        Tensor.f32("é \"quoted\"\n", Shape.of(), random(1, 5)));
  }

  private static void requireSame(ModelWeights weights, List<Tensor> tensors) {
    assertThat(weights.tensors()).hasSize(tensors.size());
    for (Tensor tensor : tensors) {
      TensorEntry entry = weights.tensor(tensor.name());
      assertThat(entry.dtype()).isEqualTo(tensor.dtype());
      assertThat(entry.shape()).isEqualTo(tensor.shape());
      assertThat(weights.segment(tensor.name()).mismatch(tensor.data())).isEqualTo(-1);
    }
  }

  private List<String> names() throws IOException {
    try (var files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void writesWhatItReads() throws IOException {
    Path file = folder.resolve("m.safetensors");
    SafetensorsWriter.standard().withMetadata(Map.of("step", "12")).writeFile(file, model());
    try (SafetensorsFile weights = SafetensorsFile.open(file)) {
      requireSame(weights, model());
      assertThat(weights.metadata()).isEqualTo(Map.of("step", "12"));
      assertThat(weights.tensors().keySet()).startsWith("ids", "wte.weight", "h.0.b");
      for (TensorEntry entry : weights.tensors().values()) {
        assertThat(entry.offset() % entry.dtype().bytes()).as(entry.name()).isZero();
      }
    }
    long length =
        ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN).getLong();
    assertThat(length % 8).isZero();
    assertThat(names()).containsExactly("m.safetensors");
  }

  @Test
  void storesFloatsAsHalvesAndLeavesOtherTypes() {
    for (DType half : new DType[] {DType.BF16, DType.F16}) {
      Path file = folder.resolve(half + ".safetensors");
      SafetensorsWriter.standard().withFloatType(half).writeFile(file, model());
      try (SafetensorsFile weights = SafetensorsFile.open(file)) {
        assertThat(weights.tensor("ids").dtype()).isEqualTo(DType.I64);
        assertThat(weights.tensor("wte.weight").dtype()).isEqualTo(half);
        MemorySegment expected = MemorySegment.ofArray(new byte[70]);
        Conversions.fromF32(half, random(35, 1), expected);
        assertThat(weights.segment("wte.weight").mismatch(expected)).isEqualTo(-1);
      }
    }
  }

  @Test
  void streamsTensorsLargerThanItsBuffer() {
    int elements = (9 << 20) / 4 + 3;
    MemorySegment data = random(elements, 9);
    List<Tensor> tensors = List.of(Tensor.f32("w", Shape.of(elements), data));
    Path full = folder.resolve("full.safetensors");
    SafetensorsWriter.standard().writeFile(full, tensors);
    Path half = folder.resolve("half.safetensors");
    SafetensorsWriter.standard().withFloatType(DType.BF16).writeFile(half, tensors);
    try (SafetensorsFile a = SafetensorsFile.open(full);
        SafetensorsFile b = SafetensorsFile.open(half)) {
      requireSame(a, tensors);
      MemorySegment expected = MemorySegment.ofArray(new byte[elements * 2]);
      Conversions.fromF32(DType.BF16, data, expected);
      assertThat(b.segment("w").mismatch(expected)).isEqualTo(-1);
    }
  }

  @Test
  void splitsALargeModelAndListsItsShards() throws IOException {
    List<Path> files = SafetensorsWriter.standard().withShardBytes(50).writeModel(folder, model());
    assertThat(names())
        .containsExactly(
            "model-00001-of-00003.safetensors",
            "model-00002-of-00003.safetensors",
            "model-00003-of-00003.safetensors",
            "model.safetensors.index.json");
    assertThat(files).hasSize(4).last().isEqualTo(folder.resolve(ModelWeights.INDEX_FILE));
    ConfigJson index = ConfigJson.read(folder.resolve(ModelWeights.INDEX_FILE));
    assertThat(index.requireObject("metadata").requireInt("total_size", 0, 9999)).isEqualTo(192);
    assertThat(index.requireObject("weight_map").requireString("wte.weight"))
        .isEqualTo("model-00001-of-00003.safetensors");
    try (ModelWeights weights = ModelWeights.open(folder)) {
      requireSame(weights, model());
      assertThat(weights.metadata()).containsEntry("format", "pt");
    }
  }

  @Test
  void aNewSaveReplacesAnEarlierOneOfAnotherForm() throws IOException {
    SafetensorsWriter many = SafetensorsWriter.standard().withShardBytes(50);
    SafetensorsWriter one = SafetensorsWriter.standard();
    List<Tensor> small = List.of(Tensor.f32("a", Shape.of(2), floats(1, 2)));
    Files.createFile(folder.resolve("model-mine.safetensors"));
    Files.createFile(folder.resolve("config.json"));

    many.writeModel(folder, model());
    one.writeModel(folder, small);
    assertThat(names())
        .containsExactly("config.json", "model-mine.safetensors", "model.safetensors");
    try (ModelWeights weights = ModelWeights.open(folder)) {
      requireSame(weights, small);
    }
    many.writeModel(folder, model());
    try (ModelWeights weights = ModelWeights.open(folder)) {
      requireSame(weights, model());
    }
    many.withShardBytes(150).writeModel(folder, model());
    assertThat(names())
        .containsExactly(
            "config.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model-mine.safetensors",
            "model.safetensors.index.json");
    try (ModelWeights weights = ModelWeights.open(folder)) {
      requireSame(weights, model());
    }
  }

  @Test
  void createsAModelsFolderButNotAFilesFolder() {
    Path deep = folder.resolve("a").resolve("b");
    assertThatThrownBy(
            () -> SafetensorsWriter.standard().writeFile(deep.resolve("m.safetensors"), model()))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("does not exist");
    SafetensorsWriter.standard().writeModel(deep, model());
    try (ModelWeights weights = ModelWeights.open(deep)) {
      requireSame(weights, model());
    }
  }

  @Test
  void aFailureInTheMiddleLeavesTheOldFileAndNothingElse() throws IOException {
    Path file = folder.resolve(ModelWeights.SINGLE_FILE);
    SafetensorsWriter.standard().writeModel(folder, model());
    byte[] before = Files.readAllBytes(file);
    Arena arena = Arena.ofConfined();
    List<Tensor> broken = new ArrayList<>(model());
    broken.add(Tensor.f32("z", Shape.of(4), arena.allocate(16)));
    arena.close();
    for (long shard : new long[] {1 << 20, 50}) {
      SafetensorsWriter writer = SafetensorsWriter.standard().withShardBytes(shard);
      assertThatThrownBy(() -> writer.writeModel(folder, broken))
          .isInstanceOf(IllegalStateException.class);
      assertThat(names()).containsExactly(ModelWeights.SINGLE_FILE);
      assertThat(Files.readAllBytes(file)).isEqualTo(before);
    }
  }

  @Test
  void aTargetThatIsAFolderIsRefused() throws IOException {
    Path file = Files.createDirectory(folder.resolve("m.safetensors"));
    Files.createFile(file.resolve("kept"));
    assertThatThrownBy(() -> SafetensorsWriter.standard().writeFile(file, model()))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining(file.toString());
    assertThat(names()).containsExactly("m.safetensors");
    assertThat(file.resolve("kept")).exists();
  }

  @Test
  void wrongNamesAndSizesAreRefused() {
    Tensor a = Tensor.f32("a", Shape.of(1), floats(1));
    Path file = folder.resolve("m.safetensors");
    SafetensorsWriter writer = SafetensorsWriter.standard();
    assertThatThrownBy(() -> writer.writeFile(file, List.of(a, a)))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("Two tensors");
    Tensor reserved = Tensor.f32("__metadata__", Shape.of(1), floats(1));
    assertThatThrownBy(() -> writer.writeFile(file, List.of(reserved)))
        .isInstanceOf(FormatException.class);
    Tensor broken = Tensor.f32("a\ud800", Shape.of(1), floats(1));
    assertThatThrownBy(() -> writer.writeFile(file, List.of(broken)))
        .isInstanceOf(FormatException.class);
    assertThatThrownBy(() -> Tensor.f32("a", Shape.of(2), floats(1)))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("[2]");
    assertThatThrownBy(() -> writer.withFloatType(DType.I8)).isInstanceOf(FormatException.class);
    assertThatThrownBy(() -> writer.withShardBytes(0)).isInstanceOf(FormatException.class);
    assertThat(file).doesNotExist();
  }
}
