package org.quern.peers;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A model of Llama's family of given sizes as Jlama reads it: a folder in Hugging Face's form with
 * random weights, F32 or BF16.
 */
final class JlamaModel {
  private static final int ALIGNMENT = 64;

  private record Tensor(boolean ones, int... sizes) {
    long elements() {
      return IntStream.of(sizes).asLongStream().reduce(1, (a, b) -> a * b);
    }
  }

  private final Options options;
  private final boolean half;
  private final int channels;
  private final int vocabulary;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  private JlamaModel(Options options) {
    this.options = options;
    half = options.text("precision").equals("bf16");
    channels = options.number("channels");
    vocabulary = options.number("vocabulary");
  }

  /** Writes {@code config.json}, {@code tokenizer.json} and {@code model.safetensors}. */
  static void write(Options options, Path folder) throws IOException {
    JlamaModel model = new JlamaModel(options);
    Files.writeString(folder.resolve("config.json"), model.config());
    Files.writeString(folder.resolve("tokenizer.json"), model.tokenizer());
    model.list();
    model.weights(folder.resolve("model.safetensors"));
  }

  private String config() {
    return String.format(
        Locale.ROOT,
        "{\"model_type\":\"llama\",\"architectures\":[\"LlamaForCausalLM\"],"
            + "\"max_position_embeddings\":%d,\"hidden_size\":%d,\"intermediate_size\":%d,"
            + "\"num_attention_heads\":%d,\"num_key_value_heads\":%d,\"num_hidden_layers\":%d,"
            + "\"rms_norm_eps\":1e-5,\"vocab_size\":%d,\"bos_token_id\":1,\"eos_token_id\":2,"
            + "\"hidden_act\":\"silu\",\"rope_theta\":10000.0,\"torch_dtype\":\"%s\"}",
        options.number("positions"),
        channels,
        options.number("feed-forward"),
        options.number("heads"),
        options.number("groups"),
        options.number("layers"),
        vocabulary,
        half ? "bfloat16" : "float32");
  }

  /** Tokens that are never asked for: prompts are given as numbers. */
  private String tokenizer() {
    return IntStream.range(0, vocabulary)
        .mapToObj(id -> "\"t" + id + "\":" + id)
        .collect(
            Collectors.joining(
                ",", "{\"model\":{\"type\":\"BPE\",\"vocab\":{", "},\"merges\":[]}}"));
  }

  private void list() {
    int head = options.number("head-size");
    int queries = options.number("heads") * head;
    int keys = options.number("groups") * head;
    int feedForward = options.number("feed-forward");
    if (queries != channels) {
      throw new IllegalArgumentException(
          "Jlama takes heads of channels / heads only, not of " + head + ".");
    }
    matrix("model.embed_tokens", vocabulary, channels);
    for (int layer = 0; layer < options.number("layers"); layer++) {
      String block = "model.layers." + layer + ".";
      norm(block + "input_layernorm");
      matrix(block + "self_attn.q_proj", queries, channels);
      matrix(block + "self_attn.k_proj", keys, channels);
      matrix(block + "self_attn.v_proj", keys, channels);
      matrix(block + "self_attn.o_proj", channels, queries);
      norm(block + "post_attention_layernorm");
      matrix(block + "mlp.gate_proj", feedForward, channels);
      matrix(block + "mlp.up_proj", feedForward, channels);
      matrix(block + "mlp.down_proj", channels, feedForward);
    }
    norm("model.norm");
    if (options.text("tied-head").equals("false")) {
      matrix("lm_head", vocabulary, channels);
    }
  }

  private void matrix(String name, int out, int in) {
    tensors.put(name + ".weight", new Tensor(false, out, in));
  }

  private void norm(String name) {
    tensors.put(name + ".weight", new Tensor(true, channels));
  }

  private void weights(Path path) throws IOException {
    try (WeightFile file = new WeightFile(path)) {
      byte[] header = header().getBytes(StandardCharsets.UTF_8);
      file.number((long) header.length);
      file.bytes(header);
      for (Tensor tensor : tensors.values()) {
        file.weights(tensor.elements(), tensor.ones(), half);
      }
    }
  }

  /** Ends in blanks, so that the tensors begin where vectors may be read. */
  private String header() {
    List<String> entries = new ArrayList<>();
    long offset = 0;
    for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
      Tensor tensor = entry.getValue();
      long end = offset + tensor.elements() * (half ? Short.BYTES : Float.BYTES);
      String sizes =
          IntStream.of(tensor.sizes()).mapToObj(Integer::toString).collect(Collectors.joining(","));
      entries.add(
          String.format(
              Locale.ROOT,
              "\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%d,%d]}",
              entry.getKey(),
              half ? "BF16" : "F32",
              sizes,
              offset,
              end));
      offset = end;
    }
    String header = "{" + String.join(",", entries) + "}";
    int rest = Math.floorMod(-(header.length() + Long.BYTES), ALIGNMENT);
    return header + " ".repeat(rest);
  }
}
