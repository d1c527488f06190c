package org.quern.model;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;
import java.util.function.ToIntFunction;
import org.quern.format.ConfigJson;

/**
 * Logits by the definitions alone: loops in double precision over {@code config.json} and named
 * weights, a position at a time, without graphs, operations or configurations of the engine.
 */
public final class NaiveModel {
  private static final int MOST = 1 << 20;

  private final ConfigJson json;
  private final Map<String, double[]> weights;
  private final boolean gpt2;

  /** A model of these weights by the names of Hugging Face's files. */
  public NaiveModel(ConfigJson json, Map<String, double[]> weights) {
    this.json = json;
    this.weights = new HashMap<>(weights);
    this.gpt2 = json.requireString("model_type").equals("gpt2");
  }

  private int size(String key) {
    return json.requireInt(key, 1, MOST);
  }

  private double[] weight(String name) {
    double[] found = weights.get(name);
    if (found == null) {
      throw new IllegalArgumentException("There is no weight " + name + ".");
    }
    return found;
  }

  /** The logits after each token: {@code [time][vocabulary]}. */
  public double[][] logits(int[] ids) {
    double[][] x = new double[ids.length][];
    int channels = size(gpt2 ? "n_embd" : "hidden_size");
    String table = gpt2 ? "transformer.wte.weight" : "model.embed_tokens.weight";
    for (int t = 0; t < ids.length; t++) {
      x[t] = new double[channels];
      for (int c = 0; c < channels; c++) {
        x[t][c] = weight(table)[ids[t] * channels + c];
        x[t][c] += gpt2 ? weight("transformer.wpe.weight")[t * channels + c] : 0;
      }
    }
    int layers = size(gpt2 ? "n_layer" : "num_hidden_layers");
    for (int layer = 0; layer < layers; layer++) {
      if (gpt2) {
        gpt2Block(x, layer, "transformer.h." + layer + ".");
      } else {
        llamaBlock(x, layer, "model.layers." + layer + ".");
      }
    }
    boolean tied = json.optionalBoolean("tie_word_embeddings", gpt2);
    double[][] logits = new double[ids.length][];
    for (int t = 0; t < ids.length; t++) {
      double[] last = gpt2 ? layerNorm(x[t], "transformer.ln_f") : rmsNorm(x[t], "model.norm");
      logits[t] = linear(last, weight(tied ? table : "lm_head.weight"));
    }
    return logits;
  }

  private void gpt2Block(double[][] x, int layer, String block) {
    int channels = size("n_embd");
    int heads = size("n_head");
    int time = x.length;
    double[][] q = new double[time][];
    double[][] k = new double[time][];
    double[][] v = new double[time][];
    for (int t = 0; t < time; t++) {
      double[] qkv = conv1d(layerNorm(x[t], block + "ln_1"), block + "attn.c_attn");
      q[t] = Arrays.copyOfRange(qkv, 0, channels);
      k[t] = Arrays.copyOfRange(qkv, channels, 2 * channels);
      v[t] = Arrays.copyOfRange(qkv, 2 * channels, 3 * channels);
    }
    double scale = 1;
    if (json.optionalBoolean("scale_attn_weights", true)) {
      scale /= Math.sqrt((double) channels / heads);
    }
    if (json.optionalBoolean("scale_attn_by_inverse_layer_idx", false)) {
      scale /= layer + 1;
    }
    double[][] mixed = attention(q, k, v, heads, heads, scale, MOST);
    for (int t = 0; t < time; t++) {
      add(x[t], conv1d(mixed[t], block + "attn.c_proj"));
      double[] up = conv1d(layerNorm(x[t], block + "ln_2"), block + "mlp.c_fc");
      map(up, activation(json.optionalString("activation_function", "gelu_new")));
      add(x[t], conv1d(up, block + "mlp.c_proj"));
    }
  }

  private void llamaBlock(double[][] x, int layer, String block) {
    int heads = size("num_attention_heads");
    int groups = json.optionalInt("num_key_value_heads", heads, 1, MOST);
    int headSize = json.optionalInt("head_dim", size("hidden_size") / heads, 1, MOST);
    String prefix = block + "self_attn.";
    int time = x.length;
    double[][] q = new double[time][];
    double[][] k = new double[time][];
    double[][] v = new double[time][];
    for (int t = 0; t < time; t++) {
      double[] normal = rmsNorm(x[t], block + "input_layernorm");
      q[t] = dense(normal, prefix + "q_proj");
      k[t] = dense(normal, prefix + "k_proj");
      v[t] = dense(normal, prefix + "v_proj");
      rotate(q[t], prefix + "q_norm", headSize, t);
      rotate(k[t], prefix + "k_norm", headSize, t);
    }
    double[][] mixed = attention(q, k, v, heads, groups, 1 / Math.sqrt(headSize), window(layer));
    for (int t = 0; t < time; t++) {
      add(x[t], dense(mixed[t], prefix + "o_proj"));
      double[] normal = rmsNorm(x[t], block + "post_attention_layernorm");
      double[] gate = dense(normal, block + "mlp.gate_proj");
      double[] up = dense(normal, block + "mlp.up_proj");
      map(gate, activation(json.optionalString("hidden_act", "silu")));
      for (int f = 0; f < gate.length; f++) {
        gate[f] *= up[f];
      }
      add(x[t], dense(gate, block + "mlp.down_proj"));
    }
  }

  private int window(int layer) {
    ToIntFunction<Boolean> sliding = on -> on ? json.requireInt("sliding_window", 1, MOST) : MOST;
    return switch (json.requireString("model_type")) {
      case "mistral" -> sliding.applyAsInt(json.has("sliding_window"));
      case "qwen2", "qwen3" -> {
        boolean here =
            json.has("layer_types")
                ? json.strings("layer_types").get(layer).startsWith("sliding")
                : layer >= json.optionalInt("max_window_layers", 28, 0, MOST);
        yield sliding.applyAsInt(here && json.optionalBoolean("use_sliding_window", false));
      }
      default -> MOST;
    };
  }

  /** Normalizes heads where the model does, then turns pair i, i + D/2 by the position. */
  private void rotate(double[] x, String norm, int headSize, int position) {
    double stretch =
        json.object("rope_scaling").map(rope -> rope.requireDouble("factor", 1, 100)).orElse(1.0);
    double theta = json.optionalDouble("rope_theta", 10_000, 1, 1e9);
    for (int head = 0; head < x.length; head += headSize) {
      if (weights.containsKey(norm + ".weight")) {
        double[] one = Arrays.copyOfRange(x, head, head + headSize);
        System.arraycopy(rmsNorm(one, norm), 0, x, head, headSize);
      }
      for (int i = 0; i < headSize / 2; i++) {
        double angle = position / stretch * Math.pow(theta, -2.0 * i / headSize);
        double a = x[head + i];
        double b = x[head + i + headSize / 2];
        x[head + i] = a * Math.cos(angle) - b * Math.sin(angle);
        x[head + i + headSize / 2] = b * Math.cos(angle) + a * Math.sin(angle);
      }
    }
  }

  private static double[][] attention(
      double[][] q, double[][] k, double[][] v, int heads, int groups, double scale, int window) {
    int headSize = q[0].length / heads;
    double[][] out = new double[q.length][q[0].length];
    for (int t = 0; t < q.length; t++) {
      for (int head = 0; head < heads; head++) {
        int mine = head * headSize;
        int theirs = head / (heads / groups) * headSize;
        double total = 0;
        for (int past = Math.max(0, t - window + 1); past <= t; past++) {
          double score = 0;
          for (int d = 0; d < headSize; d++) {
            score += q[t][mine + d] * k[past][theirs + d];
          }
          double share = Math.exp(score * scale);
          total += share;
          for (int d = 0; d < headSize; d++) {
            out[t][mine + d] += share * v[past][theirs + d];
          }
        }
        for (int d = 0; d < headSize; d++) {
          out[t][mine + d] /= total;
        }
      }
    }
    return out;
  }

  private double[] layerNorm(double[] x, String name) {
    double mean = Arrays.stream(x).average().orElseThrow();
    double variance = Arrays.stream(x).map(a -> (a - mean) * (a - mean)).average().orElseThrow();
    double root = Math.sqrt(variance + json.optionalDouble("layer_norm_epsilon", 1e-5, 0, 1));
    double[] y = new double[x.length];
    for (int c = 0; c < x.length; c++) {
      y[c] = (x[c] - mean) / root * weight(name + ".weight")[c] + weight(name + ".bias")[c];
    }
    return y;
  }

  private double[] rmsNorm(double[] x, String name) {
    double square = Arrays.stream(x).map(a -> a * a).average().orElseThrow();
    double root = Math.sqrt(square + json.optionalDouble("rms_norm_eps", 1e-6, 0, 1));
    double[] y = new double[x.length];
    for (int c = 0; c < x.length; c++) {
      y[c] = x[c] / root * weight(name + ".weight")[c];
    }
    return y;
  }

  /** Weights {@code [in, out]}. */
  private double[] conv1d(double[] x, String name) {
    double[] y = weight(name + ".bias").clone();
    double[] matrix = weight(name + ".weight");
    for (int in = 0; in < x.length; in++) {
      for (int out = 0; out < y.length; out++) {
        y[out] += x[in] * matrix[in * y.length + out];
      }
    }
    return y;
  }

  private double[] dense(double[] x, String name) {
    double[] y = linear(x, weight(name + ".weight"));
    double[] bias = weights.get(name + ".bias");
    if (bias != null) {
      add(y, bias);
    }
    return y;
  }

  /** Weights {@code [out, in]}. */
  private static double[] linear(double[] x, double[] matrix) {
    double[] y = new double[matrix.length / x.length];
    for (int out = 0; out < y.length; out++) {
      for (int in = 0; in < x.length; in++) {
        y[out] += x[in] * matrix[out * x.length + in];
      }
    }
    return y;
  }

  private static void add(double[] x, double[] y) {
    for (int c = 0; c < x.length; c++) {
      x[c] += y[c];
    }
  }

  private static void map(double[] x, DoubleUnaryOperator function) {
    for (int c = 0; c < x.length; c++) {
      x[c] = function.applyAsDouble(x[c]);
    }
  }

  private static DoubleUnaryOperator activation(String name) {
    return switch (name) {
      case "relu" -> x -> Math.max(0, x);
      case "silu" -> x -> x / (1 + Math.exp(-x));
      case "gelu" -> x -> x * (1 + erf(x / Math.sqrt(2))) / 2;
      case "gelu_new" ->
          x -> x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))) / 2;
      default -> throw new IllegalArgumentException(name);
    };
  }

  /** Abramowitz and Stegun, 7.1.6, whose terms all have one sign. */
  private static double erf(double x) {
    if (Math.abs(x) > 6) {
      return Math.signum(x);
    }
    double term = x;
    double sum = x;
    for (int n = 1; n < 200; n++) {
      term *= 2 * x * x / (2 * n + 1);
      sum += term;
    }
    return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
  }
}
