package org.quern.peers;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** A model of given sizes as llama.cpp reads it: GPT-2's or Llama's, with random weights. */
final class GgufModel {
  /** A text of so many of these is so many tokens: no longer token begins with it. */
  static final String TOKEN = "a";

  private static final int NORMAL = 1;
  private static final int UNKNOWN = 2;
  private static final int CONTROL = 3;
  private static final int BYTE = 6;
  private static final List<String> SPECIAL = List.of("<unk>", "<s>", "</s>", "<0x0A>");

  private final Options options;
  private final GgufFile file;
  private final int layers;
  private final int channels;
  private final int feedForward;
  private final int vocabulary;

  private GgufModel(Options options) {
    this.options = options;
    file = new GgufFile(options.text("precision").equals("bf16"));
    layers = options.number("layers");
    channels = options.number("channels");
    feedForward = options.number("feed-forward");
    vocabulary = options.number("vocabulary");
  }

  static void write(Options options, Path path) throws IOException {
    GgufModel model = new GgufModel(options);
    boolean llama = !options.text("family").equals("gpt2");
    model.metadata(llama ? "llama" : "gpt2");
    if (llama) {
      model.llama();
    } else {
      model.gpt2();
    }
    model.tokens();
    model.file.write(path);
  }

  private void metadata(String architecture) {
    file.text("general.architecture", architecture);
    file.text("general.name", "random");
    String prefix = architecture + ".";
    file.number(prefix + "context_length", options.number("positions"));
    file.number(prefix + "embedding_length", channels);
    file.number(prefix + "block_count", layers);
    file.number(prefix + "feed_forward_length", feedForward);
    file.number(prefix + "attention.head_count", options.number("heads"));
    file.number(prefix + "attention.head_count_kv", options.number("groups"));
    file.number(prefix + "vocab_size", vocabulary);
  }

  private void llama() {
    int head = options.number("head-size");
    int queries = options.number("heads") * head;
    int keys = options.number("groups") * head;
    file.number("llama.rope.dimension_count", head);
    file.number("llama.attention.key_length", head);
    file.number("llama.attention.value_length", head);
    file.real("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    file.real("llama.rope.freq_base", 10_000);
    file.matrix("token_embd.weight", channels, vocabulary);
    for (int layer = 0; layer < layers; layer++) {
      String block = "blk." + layer + ".";
      file.vector(block + "attn_norm.weight", channels, true);
      file.matrix(block + "attn_q.weight", channels, queries);
      file.matrix(block + "attn_k.weight", channels, keys);
      file.matrix(block + "attn_v.weight", channels, keys);
      file.matrix(block + "attn_output.weight", queries, channels);
      file.vector(block + "ffn_norm.weight", channels, true);
      file.matrix(block + "ffn_gate.weight", channels, feedForward);
      file.matrix(block + "ffn_up.weight", channels, feedForward);
      file.matrix(block + "ffn_down.weight", feedForward, channels);
    }
    file.vector("output_norm.weight", channels, true);
    if (options.text("tied-head").equals("false")) {
      file.matrix("output.weight", channels, vocabulary);
    }
  }

  private void gpt2() {
    file.real("gpt2.attention.layer_norm_epsilon", 1e-5f);
    file.matrix("token_embd.weight", channels, vocabulary);
    file.matrix("position_embd.weight", channels, options.number("positions"));
    for (int layer = 0; layer < layers; layer++) {
      String block = "blk." + layer + ".";
      norm(block + "attn_norm");
      linear(block + "attn_qkv", channels, 3 * channels);
      linear(block + "attn_output", channels, channels);
      norm(block + "ffn_norm");
      linear(block + "ffn_up", channels, feedForward);
      linear(block + "ffn_down", feedForward, channels);
    }
    norm("output_norm");
    // This architecture's head has a name of its own even where it is the embedding.
    file.matrix("output.weight", channels, vocabulary);
  }

  private void norm(String name) {
    file.vector(name + ".weight", channels, true);
    file.vector(name + ".bias", channels, false);
  }

  private void linear(String name, int in, int out) {
    file.matrix(name + ".weight", in, out);
    file.vector(name + ".bias", out, false);
  }

  private void tokens() {
    List<String> tokens = new ArrayList<>(SPECIAL);
    tokens.add(TOKEN);
    while (tokens.size() < vocabulary) {
      tokens.add("t" + tokens.size());
    }
    int[] types = new int[vocabulary];
    Arrays.fill(types, NORMAL);
    types[0] = UNKNOWN;
    types[1] = CONTROL;
    types[2] = CONTROL;
    types[3] = BYTE;
    file.text("tokenizer.ggml.model", "llama");
    file.texts("tokenizer.ggml.tokens", Collections.unmodifiableList(tokens));
    file.reals("tokenizer.ggml.scores", new float[vocabulary]);
    file.numbers("tokenizer.ggml.token_type", types);
    file.number("tokenizer.ggml.unknown_token_id", 0);
    file.number("tokenizer.ggml.bos_token_id", 1);
    file.number("tokenizer.ggml.eos_token_id", 2);
    file.flag("tokenizer.ggml.add_bos_token", false);
    file.flag("tokenizer.ggml.add_eos_token", false);
    file.flag("tokenizer.ggml.add_space_prefix", false);
  }
}
