package org.quern.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The ONNX files that are written here, byte by byte and in ONNX Runtime. */
final class OnnxTest {
  private static final Options SMALL =
      new Options(
          ("--family llama --vocabulary 61 --positions 32 --layers 2 --channels 64 --heads 4"
                  + " --groups 2 --head-size 16 --feed-forward 96 --tied-head true --threads 1"
                  + " --precision f32 --prompt 7 --tokens 3")
              .split(" "));

  @TempDir private Path folder;

  private static byte[] bytes(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return bytes;
  }

  /** The first three are the examples of protobuf's own documentation. */
  @Test
  void fieldsAreInTheWireFormat() {
    assertThat(new Protobuf().number(1, 150).toBytes()).isEqualTo(bytes(0x08, 0x96, 0x01));
    assertThat(new Protobuf().text(2, "testing").toBytes())
        .isEqualTo(bytes(0x12, 7, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67));
    assertThat(new Protobuf().message(3, new Protobuf().number(1, 150)).toBytes())
        .isEqualTo(bytes(0x1a, 3, 0x08, 0x96, 0x01));
    assertThat(new Protobuf().real(2, 1).toBytes()).isEqualTo(bytes(0x15, 0, 0, 0x80, 0x3f));
    assertThat(new Protobuf().number(16, -1).toBytes())
        .isEqualTo(bytes(0x80, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01));
  }

  /** A model of one node and one table, each field by its number in onnx.proto. */
  @Test
  void aModelHasItsGraphAndItsOperatorSets() throws IOException {
    Path path = folder.resolve("m.onnx");
    try (OnnxFile file = new OnnxFile(path)) {
      file.input("x", OnnxFile.Type.FLOAT, 1, "n");
      file.table("w", new float[] {2, 3}, 1, 2);
      file.node("", "Add", List.of("x", "w"), List.of("y"), Map.of("a", 2, "b", 1f));
    }
    Protobuf shape =
        new Protobuf()
            .message(1, new Protobuf().number(1, 1))
            .message(1, new Protobuf().text(2, "n"));
    Protobuf type = new Protobuf().message(1, new Protobuf().number(1, 1).message(2, shape));
    Protobuf table =
        new Protobuf()
            .number(1, 1)
            .number(1, 2)
            .number(2, 1)
            .text(8, "w")
            .message(13, new Protobuf().text(1, "location").text(2, "m.onnx.data"))
            .message(13, new Protobuf().text(1, "offset").text(2, "0"))
            .message(13, new Protobuf().text(1, "length").text(2, "8"))
            .number(14, 1);
    Protobuf node =
        new Protobuf()
            .text(1, "x")
            .text(1, "w")
            .text(2, "y")
            .text(3, "y")
            .text(4, "Add")
            .message(5, new Protobuf().text(1, "a").number(3, 2).number(20, 2))
            .message(5, new Protobuf().text(1, "b").real(2, 1).number(20, 1))
            .text(7, "");
    Protobuf graph =
        new Protobuf()
            .message(11, new Protobuf().text(1, "x").message(2, type))
            .message(5, table)
            .message(1, node)
            .text(2, "model");
    Protobuf model =
        new Protobuf()
            .number(1, 8)
            .text(2, "quern")
            .message(7, graph)
            .message(8, new Protobuf().text(1, "").number(2, 17))
            .message(8, new Protobuf().text(1, "com.microsoft").number(2, 1));
    assertThat(Files.readAllBytes(path)).isEqualTo(model.toBytes());
    assertThat(Files.readAllBytes(folder.resolve("m.onnx.data")))
        .isEqualTo(bytes(0, 0, 0, 0x40, 0, 0, 0x40, 0x40));
  }

  /** A token after a prompt is as if it had stood at the prompt's end: the cache is used. */
  @Test
  void theModelRunsAndRemembers() throws IOException {
    Path path = folder.resolve("model.onnx");
    OnnxModel.write(SMALL, path);
    try (OnnxSession session = new OnnxSession(SMALL, path, 10)) {
      session.read(new int[] {5, 9, 60, 3, 17});
      float[] whole = logits(session);
      session.read(new int[] {5, 9, 60, 3});
      int next = session.write(17);
      float[] inTwo = logits(session);
      for (int id = 0; id < whole.length; id++) {
        assertThat(inTwo[id]).isCloseTo(whole[id], within(1e-5f));
        assertThat(whole[id]).isLessThanOrEqualTo(whole[next] + 1e-5f);
      }
      session.read(new int[] {6, 9, 60, 3});
      session.write(17);
      assertThat(logits(session)).isNotEqualTo(inTwo);
      assertThat(new Passes(SMALL, session).measure("x")).hasSize(5);
    }
  }

  private static float[] logits(OnnxSession session) {
    FloatBuffer logits = session.logits();
    float[] copy = new float[logits.capacity()];
    logits.get(0, copy);
    return copy;
  }

  /** A header's length, the header, then the tensors, one after another. */
  @Test
  void jlamasFolderIsInHuggingFacesForm() throws IOException {
    JlamaModel.write(SMALL, folder);
    byte[] weights = Files.readAllBytes(folder.resolve("model.safetensors"));
    int length = weights[0] & 0xff | (weights[1] & 0xff) << 8;
    assertThat((8 + length) % 64).isZero();
    String header = new String(weights, 8, length, StandardCharsets.UTF_8);
    int embedding = 61 * 64 * 4;
    assertThat(header)
        .startsWith(
            "{\"model.embed_tokens.weight\":{\"dtype\":\"F32\",\"shape\":[61,64],"
                + "\"data_offsets\":[0,"
                + embedding
                + "]},\"model.layers.0.input_layernorm.weight\":{\"dtype\":\"F32\",\"shape\":[64],"
                + "\"data_offsets\":["
                + embedding
                + ","
                + (embedding + 256)
                + "]}")
        .contains("model.layers.1.mlp.down_proj.weight\":{\"dtype\":\"F32\",\"shape\":[64,96]")
        .doesNotContain("lm_head");
    int layer = 2 * 64 + 2 * 64 * 64 + 2 * 32 * 64 + 3 * 96 * 64;
    assertThat(weights).hasSize(8 + length + embedding + 4 * (2 * layer + 64));
    assertThat(Files.readString(folder.resolve("config.json")))
        .contains("\"hidden_size\":64", "\"num_key_value_heads\":2", "\"vocab_size\":61");
    assertThat(Files.readString(folder.resolve("tokenizer.json"))).contains("\"t60\":60");
  }

  @Test
  void aWorkFolderIsDeletedWithAllInIt() throws IOException {
    Path made;
    try (WorkFolder work = WorkFolder.create()) {
      made = work.path();
      Files.createDirectories(made.resolve("a"));
      Files.writeString(made.resolve("a/b"), "c");
    }
    assertThat(made).doesNotExist();
  }

  /** What is timed: the passes after the first, and each of their tokens. */
  @Test
  void passesReadAndWrite() {
    int[] calls = {0, 0};
    Passes.Generator generator =
        new Passes.Generator() {
          @Override
          public int read(int[] prompt) {
            assertThat(prompt).hasSize(7);
            calls[0]++;
            return 4;
          }

          @Override
          public int write(int token) {
            assertThat(token).isBetween(4, 6);
            calls[1]++;
            return token + 1;
          }
        };
    List<String> members = new Passes(SMALL, generator).measure("a peer");
    assertThat(members.getFirst()).isEqualTo("\"peer\":\"a peer\"");
    assertThat(members).anyMatch(member -> member.startsWith("\"prefill_ms\":"));
    assertThat(calls[1]).isEqualTo(3 * calls[0]);
  }
}
