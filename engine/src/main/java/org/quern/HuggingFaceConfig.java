package org.quern;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.quern.format.ConfigJson;
import org.quern.ir.DType;
import org.quern.ir.op.ActivationFunction;
import org.quern.model.Gpt2Config;
import org.quern.model.LlamaConfig;
import org.quern.model.ModelConfig;
import org.quern.model.RopeScaling;

/**
 * {@code config.json} as Hugging Face's library writes it, in its present and older forms. Defaults
 * are those of its configuration classes.
 */
final class HuggingFaceConfig {
  private static final int MOST = 1 << 24;

  private static final Map<String, ActivationFunction> ACTIVATIONS =
      Map.of(
          "gelu_new", ActivationFunction.GELU_TANH,
          "gelu_pytorch_tanh", ActivationFunction.GELU_TANH,
          "gelu", ActivationFunction.GELU_ERF,
          "relu", ActivationFunction.RELU,
          "silu", ActivationFunction.SILU,
          "swish", ActivationFunction.SILU);

  private HuggingFaceConfig() {}

  static ModelConfig read(ConfigJson json) {
    String family = json.requireString("model_type");
    return switch (family) {
      case "gpt2" -> gpt2(json);
      case "llama", "mistral", "qwen2", "qwen3" -> llama(family, json);
      default -> throw json.mismatch("model_type", "one of gpt2, llama, mistral, qwen2 and qwen3");
    };
  }

  private static Gpt2Config gpt2(ConfigJson json) {
    int channels = json.optionalInt("n_embd", 768, 1, MOST);
    int heads = json.optionalInt("n_head", 12, 1, MOST);
    if (channels % heads != 0) {
      throw json.contradiction(
          List.of("n_embd", "n_head"), "the channels are no multiple of the heads");
    }
    if (json.optionalBoolean("add_cross_attention", false)) {
      throw json.mismatch("add_cross_attention", "false, since a decoder alone is supported");
    }
    return new Gpt2Config(
        json.requireInt("vocab_size", 1, MOST),
        json.optionalInt("n_positions", 1024, 1, MOST),
        channels,
        json.optionalInt("n_layer", 12, 1, MOST),
        heads,
        json.optionalInt("n_inner", 4 * channels, 1, MOST),
        activation(json, "activation_function", "gelu_new"),
        (float) json.optionalDouble("layer_norm_epsilon", 1e-5, 0, 1),
        (float) json.optionalDouble("embd_pdrop", 0.1, 0, 0.999),
        (float) json.optionalDouble("attn_pdrop", 0.1, 0, 0.999),
        (float) json.optionalDouble("resid_pdrop", 0.1, 0, 0.999),
        json.optionalBoolean("scale_attn_weights", true),
        json.optionalBoolean("scale_attn_by_inverse_layer_idx", false),
        json.optionalBoolean("tie_word_embeddings", true),
        (float) json.optionalDouble("initializer_range", 0.02, 0, 100));
  }

  private static ActivationFunction activation(ConfigJson json, String key, String absent) {
    if (json.has(key)) {
      return json.requireOneOf(key, ACTIVATIONS);
    }
    return java.util.Objects.requireNonNull(ACTIVATIONS.get(absent));
  }

  private static LlamaConfig llama(String family, ConfigJson json) {
    boolean llama = family.equals("llama");
    int channels = json.requireInt("hidden_size", 1, MOST);
    int layers = json.requireInt("num_hidden_layers", 1, 100_000);
    int heads = json.requireInt("num_attention_heads", 1, MOST);
    int groups = json.optionalInt("num_key_value_heads", heads, 1, MOST);
    if (heads % groups != 0) {
      throw json.contradiction(
          List.of("num_attention_heads", "num_key_value_heads"),
          "the heads are no multiple of the key/value heads");
    }
    if (!json.has("head_dim") && !family.equals("qwen3") && channels % heads != 0) {
      throw json.contradiction(
          List.of("hidden_size", "num_attention_heads"),
          "the channels are no multiple of the heads and there is no \"head_dim\"");
    }
    int headSize =
        json.optionalInt("head_dim", family.equals("qwen3") ? 128 : channels / heads, 1, MOST);
    if (headSize % 2 != 0) {
      throw json.contradiction(List.of("head_dim"), "rotary positions need an even head size");
    }
    boolean biased = family.equals("qwen2") || (!family.equals("mistral") && attentionBias(json));
    return new LlamaConfig(
        family,
        json.requireInt("vocab_size", 1, MOST),
        json.optionalInt("max_position_embeddings", defaultContext(family), 1, 1 << 28),
        channels,
        layers,
        heads,
        groups,
        headSize,
        json.requireInt("intermediate_size", 1, MOST),
        activation(json, "hidden_act", "silu"),
        (float) json.optionalDouble("rms_norm_eps", 1e-6, 0, 1),
        ropeTheta(json),
        ropeScaling(json),
        biased,
        biased && !family.equals("qwen2"),
        llama && json.optionalBoolean("mlp_bias", false),
        family.equals("qwen3"),
        windows(family, json, layers),
        (float) json.optionalDouble("attention_dropout", 0, 0, 0.999),
        json.optionalBoolean("tie_word_embeddings", false),
        (float) json.optionalDouble("initializer_range", 0.02, 0, 100));
  }

  private static boolean attentionBias(ConfigJson json) {
    return json.optionalBoolean("attention_bias", false);
  }

  private static int defaultContext(String family) {
    return switch (family) {
      case "llama" -> 2048;
      case "mistral" -> 131_072;
      default -> 32_768;
    };
  }

  private static List<Integer> windows(String family, ConfigJson json, int layers) {
    int window = slidingWindow(family, json);
    List<String> types = json.strings("layer_types");
    if (!types.isEmpty() && types.size() != layers) {
      throw json.contradiction(
          List.of("layer_types", "num_hidden_layers"), "there is not one type for each layer");
    }
    int firstWindowed =
        family.equals("mistral") ? 0 : json.optionalInt("max_window_layers", 28, 0, MOST);
    List<Integer> windows = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      boolean sliding;
      if (types.isEmpty()) {
        sliding = layer >= firstWindowed;
      } else {
        sliding =
            switch (types.get(layer)) {
              case "full_attention" -> false;
              case "sliding_attention" -> true;
              default -> throw json.mismatch("layer_types", "full_attention or sliding_attention");
            };
        if (sliding && window == 0) {
          throw json.contradiction(
              List.of("layer_types", "sliding_window"), "a sliding layer has no window");
        }
      }
      windows.add(sliding ? window : 0);
    }
    return windows;
  }

  private static int slidingWindow(String family, ConfigJson json) {
    return switch (family) {
      case "llama" -> 0;
      // A null says that there is none; a missing key stands for the library's default.
      case "mistral" ->
          json.optionalInt("sliding_window", json.isNull("sliding_window") ? 0 : 4096, 1, MOST);
      default ->
          json.optionalBoolean("use_sliding_window", false)
              ? json.optionalInt("sliding_window", 4096, 1, MOST)
              : 0;
    };
  }

  private static Optional<ConfigJson> ropeObject(ConfigJson json) {
    return json.firstPresent("rope_parameters", "rope_scaling").flatMap(json::object);
  }

  private static double ropeTheta(ConfigJson json) {
    double outer = json.optionalDouble("rope_theta", 10_000, 1, 1e12);
    return ropeObject(json)
        .map(rope -> rope.optionalDouble("rope_theta", outer, 1, 1e12))
        .orElse(outer);
  }

  private static RopeScaling ropeScaling(ConfigJson json) {
    return ropeObject(json).map(HuggingFaceConfig::scaling).orElse(new RopeScaling.None());
  }

  private static RopeScaling scaling(ConfigJson rope) {
    String key = rope.firstPresent("rope_type", "type").orElse("rope_type");
    String type = rope.optionalString(key, "default");
    return switch (type) {
      case "default" -> new RopeScaling.None();
      case "linear" -> new RopeScaling.Linear(rope.requireDouble("factor", 1, 1e6));
      case "llama3" -> llama3(rope);
      default -> throw rope.mismatch(key, "one of default, linear and llama3");
    };
  }

  private static RopeScaling.Llama3 llama3(ConfigJson rope) {
    double low = rope.requireDouble("low_freq_factor", 1e-6, 1e6);
    double high = rope.requireDouble("high_freq_factor", 1e-6, 1e6);
    if (high <= low) {
      throw rope.contradiction(
          List.of("low_freq_factor", "high_freq_factor"), "the second must be the larger");
    }
    return new RopeScaling.Llama3(
        rope.requireDouble("factor", 1, 1e6),
        low,
        high,
        rope.requireInt("original_max_position_embeddings", 1, 1 << 28));
  }

  /** The object to store: what the library's own classes would write of these settings. */
  static Map<String, Object> write(ModelConfig config, List<Integer> endOfText, DType type) {
    Map<String, Object> json =
        switch (config) {
          case Gpt2Config gpt2 -> write(gpt2);
          case LlamaConfig llama -> write(llama);
        };
    if (endOfText.size() == 1) {
      json.put("eos_token_id", endOfText.getFirst());
    } else if (!endOfText.isEmpty()) {
      json.put("eos_token_id", endOfText);
    }
    String name =
        switch (type) {
          case BF16 -> "bfloat16";
          case F16 -> "float16";
          default -> "float32";
        };
    json.put("dtype", name);
    json.put("torch_dtype", name);
    return json;
  }

  private static String name(ActivationFunction function, boolean gated) {
    return switch (function) {
      case RELU -> "relu";
      case GELU_TANH -> gated ? "gelu_pytorch_tanh" : "gelu_new";
      case GELU_ERF -> "gelu";
      case SILU -> "silu";
    };
  }

  /** The shortest decimal of a float, rather than its exact value as a double. */
  private static double decimal(float value) {
    return Double.parseDouble(Float.toString(value));
  }

  private static Map<String, Object> write(Gpt2Config config) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("architectures", List.of("GPT2LMHeadModel"));
    json.put("model_type", "gpt2");
    json.put("vocab_size", config.vocabularySize());
    json.put("n_positions", config.contextLength());
    json.put("n_ctx", config.contextLength());
    json.put("n_embd", config.channels());
    json.put("n_layer", config.layers());
    json.put("n_head", config.heads());
    json.put("n_inner", config.feedForward());
    json.put("activation_function", name(config.activation(), false));
    json.put("layer_norm_epsilon", decimal(config.epsilon()));
    json.put("embd_pdrop", decimal(config.embeddingDropout()));
    json.put("attn_pdrop", decimal(config.attentionDropout()));
    json.put("resid_pdrop", decimal(config.residualDropout()));
    json.put("scale_attn_weights", config.scaleAttention());
    json.put("scale_attn_by_inverse_layer_idx", config.scaleByLayer());
    json.put("tie_word_embeddings", config.tiedHead());
    json.put("initializer_range", decimal(config.initializerRange()));
    return json;
  }

  private static Map<String, Object> write(LlamaConfig config) {
    Map<String, Object> json = new LinkedHashMap<>();
    String family = config.family();
    String title = family.substring(0, 1).toUpperCase(Locale.ROOT) + family.substring(1);
    json.put("architectures", List.of(title + "ForCausalLM"));
    json.put("model_type", family);
    json.put("vocab_size", config.vocabularySize());
    json.put("max_position_embeddings", config.contextLength());
    json.put("hidden_size", config.channels());
    json.put("num_hidden_layers", config.layers());
    json.put("num_attention_heads", config.heads());
    json.put("num_key_value_heads", config.groups());
    json.put("head_dim", config.headSize());
    json.put("intermediate_size", config.feedForward());
    json.put("hidden_act", name(config.activation(), true));
    json.put("rms_norm_eps", decimal(config.epsilon()));
    json.put("rope_theta", config.ropeTheta());
    writeRope(json, config);
    if (!family.equals("qwen2") && !family.equals("mistral")) {
      json.put("attention_bias", config.queryKeyValueBias());
    }
    if (family.equals("llama")) {
      json.put("mlp_bias", config.feedForwardBias());
    }
    writeWindows(json, config);
    json.put("attention_dropout", decimal(config.attentionDropout()));
    json.put("tie_word_embeddings", config.tiedHead());
    json.put("initializer_range", decimal(config.initializerRange()));
    return json;
  }

  private static void writeRope(Map<String, Object> json, LlamaConfig config) {
    Map<String, Object> rope = new LinkedHashMap<>();
    switch (config.ropeScaling()) {
      case RopeScaling.None none -> rope.put("rope_type", "default");
      case RopeScaling.Linear linear -> {
        rope.put("rope_type", "linear");
        rope.put("factor", linear.factor());
      }
      case RopeScaling.Llama3 llama3 -> {
        rope.put("rope_type", "llama3");
        rope.put("factor", llama3.factor());
        rope.put("low_freq_factor", llama3.lowFrequencyFactor());
        rope.put("high_freq_factor", llama3.highFrequencyFactor());
        rope.put("original_max_position_embeddings", llama3.originalContext());
      }
    }
    boolean scaled = !(config.ropeScaling() instanceof RopeScaling.None);
    json.put("rope_scaling", scaled ? new LinkedHashMap<>(rope) : null);
    rope.put("rope_theta", config.ropeTheta());
    json.put("rope_parameters", rope);
  }

  private static void writeWindows(Map<String, Object> json, LlamaConfig config) {
    int window = config.windows().stream().mapToInt(Integer::intValue).max().orElse(0);
    switch (config.family()) {
      case "llama" -> {}
      case "mistral" -> json.put("sliding_window", window == 0 ? null : window);
      default -> {
        json.put("use_sliding_window", window > 0);
        json.put("sliding_window", window == 0 ? null : window);
        json.put(
            "layer_types",
            config.windows().stream()
                .map(size -> size > 0 ? "sliding_attention" : "full_attention")
                .toList());
      }
    }
  }
}
