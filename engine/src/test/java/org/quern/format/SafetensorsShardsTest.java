package org.quern.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsShardsTest {
  private static final String ONE = "model-00001-of-00002.safetensors";
  private static final String TWO = "model-00002-of-00002.safetensors";

  @TempDir Path folder;

  @BeforeEach
  void writeShards() {
    RawSafetensors.write(
        folder.resolve(ONE),
        """
        {"__metadata__":{"format":"pt"},\
        "a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},\
        "b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}\
        """,
        3);
    RawSafetensors.write(
        folder.resolve(TWO), "{\"c\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4);
  }

  private Path index(String json) throws IOException {
    return Files.writeString(folder.resolve(ModelWeights.INDEX_FILE), json);
  }

  private static String map(String a, String b, String c) {
    return "{\"metadata\":{\"total_size\":7},\"weight_map\":{\"a\":\"%s\",\"b\":\"%s\",\"c\":\"%s\"}}"
        .formatted(a, b, c);
  }

  @Test
  void readsShardsAsOneModel() throws IOException {
    Path index = index(map(ONE, ONE, TWO));
    for (Path path : new Path[] {folder, index}) {
      try (ModelWeights weights = ModelWeights.open(path)) {
        assertThat(weights.path()).isEqualTo(index);
        assertThat(weights.tensors().keySet()).containsExactly("a", "b", "c");
        assertThat(weights.files()).containsExactly(folder.resolve(ONE), folder.resolve(TWO));
        assertThat(weights.metadata()).containsEntry("format", "pt");
        MemorySegment c = weights.segment("c");
        assertThat(c.byteSize()).isEqualTo(4);
        assertThat(c.get(ValueLayout.JAVA_BYTE, 1)).isEqualTo((byte) (37 + 11));
      }
    }
  }

  @Test
  void refusesUseAfterCloseAndToleratesASecondClose() throws IOException {
    index(map(ONE, ONE, TWO));
    ModelWeights weights = ModelWeights.open(folder);
    weights.close();
    weights.close();
    assertThatThrownBy(() -> weights.segment("c")).isInstanceOf(IllegalStateException.class);
  }

  static Stream<Arguments> indexes() {
    return Stream.of(
        Arguments.of("missing shard", map(ONE, ONE, "absent.safetensors"), "not beside it"),
        Arguments.of("wrong shard", map(ONE, TWO, TWO), "places in"),
        Arguments.of(
            "tensor that no shard has",
            map(ONE, ONE, TWO).replace("\"c\":", "\"d\":\"" + TWO + "\",\"c\":"),
            "does not have it"),
        Arguments.of(
            "unlisted tensor",
            map(ONE, ONE, TWO).replace("\"b\":\"" + ONE + "\",", ""),
            "not list"),
        Arguments.of(
            "tensor listed twice",
            map(ONE, ONE, TWO).replace("\"b\":", "\"a\":\"" + TWO + "\",\"b\":"),
            "not valid JSON"),
        Arguments.of("no map", "{\"metadata\":{}}", "no tensors under \"weight_map\""),
        Arguments.of("empty map", "{\"weight_map\":{}}", "no tensors under \"weight_map\""),
        Arguments.of("map is a list", "{\"weight_map\":[]}", "no object under \"weight_map\""),
        Arguments.of(
            "file is a number", "{\"weight_map\":{\"a\":1}}", "does not give a file's name"),
        Arguments.of("list", "[]", "is not a JSON object"),
        Arguments.of("empty", "", "is not a JSON object"),
        Arguments.of("goes on", map(ONE, ONE, TWO) + "{}", "goes on after"),
        Arguments.of("cut short", map(ONE, ONE, TWO).substring(0, 60), "not valid JSON"),
        Arguments.of("nested, 1e5", "{\"metadata\":" + "[".repeat(100_000), "not valid JSON"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("indexes")
  void contradictionsAreRefused(String name, String json, String says) throws IOException {
    Path index = index(json);
    Throwable refusal = catchThrowable(() -> ModelWeights.open(folder).close());
    assertThat(refusal).as(name).isInstanceOf(FormatException.class);
    assertThat(refusal).hasMessageContaining(says);
    assertThat(refusal.getMessage())
        .contains(index.getFileName().toString())
        .endsWith(".")
        .matches("\\P{Cntrl}+");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../model.safetensors",
        "/etc/model.safetensors",
        "sub/model.safetensors",
        "..\\\\model.safetensors",
        "C:model.safetensors",
        "model.safetensors\\u0000",
        "a\\u0000.safetensors",
        "..",
        "",
        "config.json"
      })
  void namesThatReachElsewhereAreRefused(String shard) throws IOException {
    index(map(ONE, ONE, shard));
    assertThatThrownBy(() -> ModelWeights.open(folder))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("no plain name");
  }

  @Test
  void shardsMayBeLinksAsInTheHubsCache() throws IOException {
    Path blobs = Files.createDirectory(folder.resolve("blobs"));
    Files.move(folder.resolve(TWO), blobs.resolve("0123abcd"));
    Files.createSymbolicLink(folder.resolve(TWO), Path.of("blobs", "0123abcd"));
    index(map(ONE, ONE, TWO));
    try (ModelWeights weights = ModelWeights.open(folder)) {
      assertThat(weights.segment("c").byteSize()).isEqualTo(4);
    }
  }

  @Test
  void aDamagedShardIsRefused() throws IOException {
    index(map(ONE, ONE, TWO));
    byte[] bytes = Files.readAllBytes(folder.resolve(TWO));
    Files.write(folder.resolve(TWO), Arrays.copyOf(bytes, bytes.length - 1));
    assertThatThrownBy(() -> ModelWeights.open(folder))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining(TWO)
        .hasMessageContaining("cut short");
  }

  @Test
  void aFolderWithoutSafetensorsSaysSo() throws IOException {
    assertThatThrownBy(() -> ModelWeights.open(folder))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("neither model.safetensors nor");
    Files.createFile(folder.resolve("pytorch_model.bin"));
    assertThatThrownBy(() -> ModelWeights.open(folder))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("pickled");
  }
}
