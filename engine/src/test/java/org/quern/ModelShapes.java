package org.quern;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.quern.exec.ModelMemory;
import org.quern.format.ConfigJson;
import org.quern.ir.Parameter;
import org.quern.ir.Region;
import org.quern.text.CharacterTokenizer;

/** Small models of many shapes, each as the {@code config.json} that would describe it. */
final class ModelShapes {
  static final CharacterTokenizer TOKENIZER = CharacterTokenizer.of("abcdefghij");

  private static final String GPT2 = "\"model_type\": \"gpt2\", \"n_positions\": 320, ";
  private static final String LLAMA = llama("llama");
  private static final String MISTRAL = llama("mistral");
  private static final String QWEN2 = llama("qwen2");
  private static final String QWEN3 = llama("qwen3");

  private ModelShapes() {}

  private static String llama(String family) {
    return "\"model_type\": \"" + family + "\", \"max_position_embeddings\": 320, ";
  }

  private static String gpt2(int vocabulary, int channels, int layers, int heads) {
    return "\"vocab_size\": %d, \"n_embd\": %d, \"n_layer\": %d, \"n_head\": %d"
        .formatted(vocabulary, channels, layers, heads);
  }

  private static String sizes(
      int vocabulary, int channels, int layers, int heads, int groups, int feedForward) {
    return ("\"vocab_size\": %d, \"hidden_size\": %d, \"num_hidden_layers\": %d,"
            + " \"num_attention_heads\": %d, \"num_key_value_heads\": %d,"
            + " \"intermediate_size\": %d")
        .formatted(vocabulary, channels, layers, heads, groups, feedForward);
  }

  /** Name and {@code config.json} of each. */
  static Map<String, String> all() {
    Map<String, String> all = new LinkedHashMap<>();
    all.put(
        "gpt2, exact GELU, odd head size, free head",
        GPT2
            + gpt2(101, 33, 2, 3)
            + ", \"activation_function\": \"gelu\", \"n_inner\": 50,"
            + " \"tie_word_embeddings\": false");
    all.put(
        "gpt2, ReLU, scaled by layer",
        GPT2
            + gpt2(67, 40, 3, 5)
            + ", \"activation_function\": \"relu\", \"scale_attn_by_inverse_layer_idx\": true,"
            + " \"n_inner\": null");
    all.put(
        "gpt2, one head, not scaled", GPT2 + gpt2(13, 7, 1, 1) + ", \"scale_attn_weights\": false");
    all.put(
        "llama, three heads, head size apart",
        LLAMA + sizes(101, 33, 2, 3, 3, 47) + ", \"head_dim\": 6");
    all.put(
        "llama, one key/value head, tied",
        LLAMA + sizes(61, 40, 2, 5, 1, 96) + ", \"tie_word_embeddings\": true");
    all.put(
        "llama, all biases",
        LLAMA + sizes(37, 24, 2, 4, 4, 40) + ", \"attention_bias\": true, \"mlp_bias\": true");
    all.put(
        "llama, wide heads, linear rope, GELU",
        LLAMA
            + sizes(53, 24, 2, 4, 2, 31)
            + ", \"head_dim\": 14, \"rope_theta\": 500.0, \"hidden_act\": \"gelu\","
            + " \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2.5}");
    for (int window : new int[] {1, 3, 7, 100}) {
      all.put(
          "mistral, window " + window,
          MISTRAL + sizes(71, 36, 2, 6, 2, 50) + ", \"sliding_window\": " + window);
    }
    all.put(
        "mistral without a window",
        MISTRAL + sizes(71, 32, 1, 4, 4, 50) + ", \"sliding_window\": null");
    all.put(
        "qwen2, windows by layer",
        QWEN2
            + sizes(211, 48, 3, 6, 3, 80)
            + ", \"use_sliding_window\": true, \"sliding_window\": 5, \"layer_types\":"
            + " [\"sliding_attention\", \"full_attention\", \"sliding_attention\"]");
    all.put(
        "qwen2, windows from a layer on",
        QWEN2
            + sizes(59, 32, 3, 4, 1, 72)
            + ", \"use_sliding_window\": true, \"sliding_window\": 3, \"max_window_layers\": 1");
    all.put(
        "qwen3, windows, head size apart",
        QWEN3
            + sizes(83, 40, 2, 3, 1, 56)
            + ", \"head_dim\": 18, \"attention_bias\": true, \"use_sliding_window\": true,"
            + " \"sliding_window\": 20, \"max_window_layers\": 0");
    return all;
  }

  /** The configuration of a shape. */
  static ConfigJson json(String shape) {
    return ConfigJson.parse(Path.of("config.json"), "{" + all().get(shape) + "}");
  }

  /** A model of this shape with weights large enough for every part to show. */
  static Model create(Engine engine, String shape) {
    Model model = engine.create(HuggingFaceConfig.read(json(shape)), TOKENIZER, 1);
    ModelMemory memory = model.memory();
    for (Parameter parameter : memory.layout().parameters()) {
      Random random = new Random(parameter.name().hashCode());
      MemorySegment data = memory.segment(Region.PARAMETERS, parameter.name());
      boolean norm = parameter.shape().rank() == 1 && parameter.name().endsWith(".weight");
      for (long i = 0; i < parameter.shape().elements(); i++) {
        data.setAtIndex(JAVA_FLOAT, i, (float) ((norm ? 1 : 0) + 0.2 * random.nextGaussian()));
      }
    }
    return model;
  }

  /** The weights by name. */
  static Map<String, double[]> weights(Model model) {
    Map<String, double[]> weights = new HashMap<>();
    for (Parameter parameter : model.memory().layout().parameters()) {
      weights.put(
          parameter.name(), doubles(model.memory().segment(Region.PARAMETERS, parameter.name())));
    }
    return weights;
  }

  static double[] doubles(MemorySegment floats) {
    double[] values = new double[(int) (floats.byteSize() / Float.BYTES)];
    for (int i = 0; i < values.length; i++) {
      values[i] = floats.getAtIndex(JAVA_FLOAT, i);
    }
    return values;
  }

  /** Token ids for a model of this vocabulary. */
  static int[] ids(int count, int vocabulary) {
    return new Random(count).ints(count, 0, vocabulary).toArray();
  }

  /** The norm of the difference over the norm of what is expected, or alone where that is zero. */
  static double error(double[] ours, double[] expected) {
    if (ours.length != expected.length) {
      return Double.NaN;
    }
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < ours.length; i++) {
      difference += (ours[i] - expected[i]) * (ours[i] - expected[i]);
      norm += expected[i] * expected[i];
    }
    return Math.sqrt(difference) / (norm < 1e-14 ? 0.1 : Math.sqrt(norm));
  }
}
