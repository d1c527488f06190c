package org.quern.peers;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A model of Llama's family of given sizes as ONNX Runtime runs it fastest on a CPU: the operators
 * that onnxruntime-genai's model builder writes in F32, with queries, keys and values in one
 * product, rotation within the attention, and a head for the last position alone.
 */
final class OnnxModel {
  static final String IDS = "input_ids";
  static final String LENGTHS = "seqlens_k";
  static final String TOTAL = "total_sequence_length";
  static final String LOGITS = "logits";

  private static final String EMBEDDING = "embed_tokens";
  private static final String COSINES = "cos_cache";
  private static final String SINES = "sin_cache";
  private static final float EPSILON = 1e-5f;
  private static final double THETA = 10_000;

  private final OnnxFile file;
  private final int layers;
  private final int channels;
  private final int heads;
  private final int groups;
  private final int head;
  private final int feedForward;
  private final int vocabulary;
  private final int positions;

  private OnnxModel(Options options, OnnxFile file) {
    this.file = file;
    layers = options.number("layers");
    channels = options.number("channels");
    heads = options.number("heads");
    groups = options.number("groups");
    head = options.number("head-size");
    feedForward = options.number("feed-forward");
    vocabulary = options.number("vocabulary");
    positions = options.number("positions");
  }

  static void write(Options options, Path path) throws IOException {
    try (OnnxFile file = new OnnxFile(path)) {
      new OnnxModel(options, file).write();
    }
  }

  static String past(int layer, String what) {
    return "past_key_values." + layer + "." + what;
  }

  static String present(int layer, String what) {
    return "present." + layer + "." + what;
  }

  private void write() throws IOException {
    file.input(IDS, OnnxFile.Type.INT64, 1, "time");
    file.input(LENGTHS, OnnxFile.Type.INT32, 1);
    file.input(TOTAL, OnnxFile.Type.INT32, 1);
    file.matrix(EMBEDDING, vocabulary, channels);
    rotation();
    node("Gather", List.of(EMBEDDING, IDS), "embedding", Map.of());
    file.ones("norm.0", channels);
    node(
        "SimplifiedLayerNormalization",
        List.of("embedding", "norm.0"),
        "normal.0",
        Map.of("axis", -1, "epsilon", EPSILON, "stash_type", 1));
    String stream = "embedding";
    for (int layer = 0; layer < layers; layer++) {
      String attention = attention(layer, "normal." + 2 * layer);
      stream = residual(2 * layer + 1, stream, attention);
      String gated = feedForward(layer, "normal." + (2 * layer + 1));
      stream = residual(2 * layer + 2, stream, gated);
    }
    head("normal." + 2 * layers);
  }

  private void node(
      String operator, List<String> inputs, String output, Map<String, Number> attributes) {
    file.node("", operator, inputs, List.of(output), attributes);
  }

  private String product(String x, String name, int in, int out) throws IOException {
    file.matrix(name + ".weight", in, out);
    node("MatMul", List.of(x, name + ".weight"), name, Map.of());
    return name;
  }

  private String attention(int layer, String x) throws IOException {
    String prefix = "layer." + layer + ".";
    String packed = product(x, prefix + "qkv", channels, (heads + 2 * groups) * head);
    for (String what : List.of("key", "value")) {
      file.input(past(layer, what), OnnxFile.Type.FLOAT, 1, groups, "capacity", head);
      file.output(present(layer, what), OnnxFile.Type.FLOAT, 1, groups, "capacity", head);
    }
    String attention = prefix + "attention";
    file.node(
        OnnxFile.MICROSOFT,
        "GroupQueryAttention",
        List.of(
            packed,
            "",
            "",
            past(layer, "key"),
            past(layer, "value"),
            LENGTHS,
            TOTAL,
            COSINES,
            SINES),
        List.of(attention, present(layer, "key"), present(layer, "value")),
        Map.of(
            "num_heads",
            heads,
            "kv_num_heads",
            groups,
            "do_rotary",
            1,
            "scale",
            (float) (1 / Math.sqrt(head))));
    return product(attention, prefix + "o", heads * head, channels);
  }

  /** Adds to the residual stream and normalizes the sum; the sum's name. */
  private String residual(int index, String stream, String added) throws IOException {
    String sum = "sum." + index;
    file.ones("norm." + index, channels);
    boolean last = index == 2 * layers;
    file.node(
        OnnxFile.MICROSOFT,
        "SkipSimplifiedLayerNormalization",
        List.of(stream, added, "norm." + index),
        last ? List.of("normal." + index) : List.of("normal." + index, "", "", sum),
        Map.of("epsilon", EPSILON));
    return sum;
  }

  private String feedForward(int layer, String x) throws IOException {
    String prefix = "layer." + layer + ".";
    String gate = product(x, prefix + "gate", channels, feedForward);
    String up = product(x, prefix + "up", channels, feedForward);
    node("Sigmoid", List.of(gate), prefix + "sigmoid", Map.of());
    node("Mul", List.of(gate, prefix + "sigmoid"), prefix + "silu", Map.of());
    node("Mul", List.of(prefix + "silu", up), prefix + "gated", Map.of());
    return product(prefix + "gated", prefix + "down", feedForward, channels);
  }

  /** A matrix of its own even where it is the embedding, since a product takes it turned. */
  private void head(String x) throws IOException {
    file.constant("last", -1);
    node("Gather", List.of(x, "last"), "hidden", Map.of("axis", 1));
    file.matrix("lm_head.weight", channels, vocabulary);
    node("MatMul", List.of("hidden", "lm_head.weight"), LOGITS, Map.of());
    file.output(LOGITS, OnnxFile.Type.FLOAT, 1, 1, vocabulary);
  }

  private void rotation() throws IOException {
    int half = head / 2;
    float[] cosines = new float[positions * half];
    float[] sines = new float[positions * half];
    for (int position = 0; position < positions; position++) {
      for (int i = 0; i < half; i++) {
        double angle = position * Math.pow(THETA, -2.0 * i / head);
        cosines[position * half + i] = (float) Math.cos(angle);
        sines[position * half + i] = (float) Math.sin(angle);
      }
    }
    file.table(COSINES, cosines, positions, half);
    file.table(SINES, sines, positions, half);
  }
}
