package org.quern.app;

import java.io.PrintWriter;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.Engine;
import org.quern.EngineDescription;
import org.quern.ir.op.ActivationFunction;
import org.quern.model.Gpt2Config;
import org.quern.model.LlamaConfig;
import org.quern.model.ModelConfig;
import tools.jackson.databind.json.JsonMapper;

/** What a benchmark found: one JSON object, or a small table. */
final class BenchReport {
  /** What a model has beyond its sizes, where it has something. */
  static final String FEATURES = "features";

  private static final String PEAK = "peak_rss_gib";

  private static final MathContext DIGITS = new MathContext(5);

  private final Map<String, Object> fields = new LinkedHashMap<>();
  private final boolean json;

  BenchReport(String work, BenchOptions options, Engine engine) {
    json = options.json();
    EngineDescription description = engine.describe();
    put("work", work);
    put("model", options.model());
    put("precision", description.precision());
    description.precisionReason().ifPresent(reason -> put("precision_reason", reason));
    put("threads", description.threads());
    put("backend", description.backend());
    put("tier", description.tier());
  }

  void put(String name, Object value) {
    fields.put(name, value);
  }

  /** A number of things. */
  void put(String name, int count) {
    fields.put(name, count);
  }

  /** A number, to five digits: more is noise. */
  void put(String name, double value) {
    fields.put(name, round(value));
  }

  /** The median and what surrounds it, under the names that every benchmark has. */
  void put(Times times, double tokens) {
    put("steps", times.count());
    put("ms_per_step", times.median());
    put("ms_least", times.least());
    put("ms_most", times.most());
    put("spread", times.spread());
    put("tokens_per_second", tokens / times.median() * 1e3);
  }

  /** The model's sizes, for those who make one of the same; in the JSON object only. */
  void put(ModelConfig config) {
    if (!json) {
      return;
    }
    Map<String, Object> sizes = new LinkedHashMap<>();
    sizes.put("family", config.family());
    sizes.put("vocabulary", config.vocabularySize());
    sizes.put("positions", config.contextLength());
    sizes.put("layers", config.layers());
    sizes.put("channels", config.channels());
    switch (config) {
      case Gpt2Config gpt2 -> {
        sizes.put("heads", gpt2.heads());
        sizes.put("groups", gpt2.heads());
        sizes.put("head-size", gpt2.headSize());
        sizes.put("feed-forward", gpt2.feedForward());
        sizes.put("tied-head", gpt2.tiedHead());
      }
      case LlamaConfig llama -> {
        sizes.put("heads", llama.heads());
        sizes.put("groups", llama.groups());
        sizes.put("head-size", llama.headSize());
        sizes.put("feed-forward", llama.feedForward());
        sizes.put("tied-head", llama.tiedHead());
        List<String> features = features(llama);
        if (!features.isEmpty()) {
          put(FEATURES, features);
        }
      }
    }
    put("sizes", sizes);
  }

  private static List<String> features(LlamaConfig config) {
    List<String> features = new ArrayList<>();
    if (config.queryKeyValueBias() || config.outputBias() || config.feedForwardBias()) {
      features.add("biases");
    }
    if (config.queryKeyNorm()) {
      features.add("norms of queries and keys");
    }
    if (config.windows().stream().anyMatch(window -> window > 0)) {
      features.add("windows of attention");
    }
    if (config.activation() != ActivationFunction.SILU) {
      features.add("the activation " + config.activation());
    }
    return features;
  }

  static double round(double value) {
    return Double.isFinite(value) ? new BigDecimal(value).round(DIGITS).doubleValue() : value;
  }

  /** What this process held at most so far; later calls change nothing. */
  void putPeakMemory() {
    if (!fields.containsKey(PEAK)) {
      PeakMemory.gibibytes().ifPresent(peak -> put(PEAK, peak));
    }
  }

  void print(PrintWriter out) {
    putPeakMemory();
    if (json) {
      out.println(new JsonMapper().writeValueAsString(fields));
    } else {
      fields.forEach((name, value) -> out.printf("%-28s %s%n", name.replace('_', ' '), value));
    }
    out.flush();
  }
}
