package org.quern.model;

import java.util.ArrayList;
import java.util.List;
import org.quern.ir.Graph;
import org.quern.ir.Initializer;
import org.quern.ir.Parameter;
import org.quern.ir.Shape;
import org.quern.ir.Value;
import org.quern.ir.op.Add;
import org.quern.ir.op.Embedding;
import org.quern.ir.op.GatedActivation;
import org.quern.ir.op.Matmul;
import org.quern.ir.op.RmsNorm;
import org.quern.ir.op.Rope;

/**
 * Llama (Touvron et al. 2023) and its relatives Mistral, Qwen2 and Qwen3: RMS norm, rotary
 * positions, grouped key/value heads, a gated feed-forward layer; weights stored {@code [out, in]}.
 *
 * @param config sizes and settings
 */
public record Llama(LlamaConfig config) implements CausalLanguageModel {
  private static final String EMBEDDING = "model.embed_tokens.weight";

  private static String block(int layer) {
    return "model.layers." + layer + ".";
  }

  @Override
  public List<Parameter> parameters() {
    int channels = config.channels();
    int queryChannels = config.heads() * config.headSize();
    int keyChannels = config.groups() * config.headSize();
    List<Parameter> list = new ArrayList<>();
    list.add(matrix(EMBEDDING, config.vocabularySize(), channels));
    for (int layer = 0; layer < config.layers(); layer++) {
      String block = block(layer);
      String attention = block + "self_attn.";
      boolean bias = config.queryKeyValueBias();
      list.add(norm(block + "input_layernorm", channels));
      addDense(list, attention + "q_proj", queryChannels, channels, bias);
      addDense(list, attention + "k_proj", keyChannels, channels, bias);
      addDense(list, attention + "v_proj", keyChannels, channels, bias);
      if (config.queryKeyNorm()) {
        list.add(norm(attention + "q_norm", config.headSize()));
        list.add(norm(attention + "k_norm", config.headSize()));
      }
      addDense(list, attention + "o_proj", channels, queryChannels, config.outputBias());
      list.add(norm(block + "post_attention_layernorm", channels));
      int feedForward = config.feedForward();
      boolean mlpBias = config.feedForwardBias();
      addDense(list, block + "mlp.gate_proj", feedForward, channels, mlpBias);
      addDense(list, block + "mlp.up_proj", feedForward, channels, mlpBias);
      addDense(list, block + "mlp.down_proj", channels, feedForward, mlpBias);
    }
    list.add(norm("model.norm", channels));
    if (!config.tiedHead()) {
      list.add(matrix("lm_head.weight", config.vocabularySize(), channels));
    }
    return list;
  }

  private Parameter matrix(String name, int rows, int columns) {
    return new Parameter(
        name, Shape.of(rows, columns), new Initializer.Normal(config.initializerRange()));
  }

  private static Parameter norm(String name, int size) {
    return new Parameter(name + ".weight", Shape.of(size), new Initializer.Ones());
  }

  private void addDense(List<Parameter> list, String name, int out, int in, boolean bias) {
    list.add(matrix(name + ".weight", out, in));
    if (bias) {
      list.add(new Parameter(name + ".bias", Shape.of(out), new Initializer.Zeros()));
    }
  }

  @Override
  public Value hidden(Pass pass) {
    Graph graph = pass.graph();
    Value table =
        graph.constant(
            "rope",
            Shape.of(pass.positions(), config.headSize()),
            RopeTable.of(
                pass.positions(), config.headSize(), config.ropeTheta(), config.ropeScaling()));
    Value x = Embedding.apply(graph, pass.ids(), graph.table(EMBEDDING), Value.NONE, Value.NONE);
    for (int layer = 0; layer < config.layers(); layer++) {
      int number = layer;
      Value input = x;
      x = graph.block(() -> layer(pass, number, input, table));
    }
    return normalize(graph, "model.norm", x);
  }

  private Value layer(Pass pass, int layer, Value input, Value table) {
    Graph graph = pass.graph();
    String block = block(layer);
    Value normal = normalize(graph, block + "input_layernorm", input);
    Value mixed = attention(pass, layer, normal, table);
    Value residual = input;
    if (layer == config.layers() - 1) {
      mixed = pass.wanted(mixed);
      residual = pass.wanted(residual);
    }
    Value x = Add.apply(graph, residual, dense(graph, block + "self_attn.o_proj", mixed));
    Value second = normalize(graph, block + "post_attention_layernorm", x);
    return Add.apply(graph, x, feedForward(graph, block + "mlp.", second));
  }

  private Value attention(Pass pass, int layer, Value x, Value table) {
    Graph graph = pass.graph();
    String prefix = block(layer) + "self_attn.";
    Value q = dense(graph, prefix + "q_proj", x);
    Value k = dense(graph, prefix + "k_proj", x);
    Value v = dense(graph, prefix + "v_proj", x);
    if (config.queryKeyNorm()) {
      q = normalizeHeads(graph, prefix + "q_norm", q, config.heads());
      k = normalizeHeads(graph, prefix + "k_norm", k, config.groups());
    }
    q = Rope.apply(graph, q, config.heads(), table, pass.starts());
    k = Rope.apply(graph, k, config.groups(), table, pass.starts());
    SelfAttention attention =
        new SelfAttention(
            config.heads(),
            config.groups(),
            config.headSize(),
            config.windows().get(layer),
            (float) (1 / Math.sqrt(config.headSize())),
            config.attentionDropout());
    return attention.separate(pass, prefix + "cache", q, k, v);
  }

  private Value feedForward(Graph graph, String prefix, Value x) {
    Value gate = dense(graph, prefix + "gate_proj", x);
    Value up = dense(graph, prefix + "up_proj", x);
    return dense(
        graph, prefix + "down_proj", GatedActivation.apply(graph, gate, up, config.activation()));
  }

  private Value normalize(Graph graph, String name, Value x) {
    return RmsNorm.apply(graph, x, graph.parameter(name + ".weight"), config.epsilon());
  }

  private Value normalizeHeads(Graph graph, String name, Value x, int heads) {
    Shape shape = x.shape();
    Value split = x.view(shape.dimension(0), shape.dimension(1), heads, config.headSize());
    return normalize(graph, name, split).view(shape);
  }

  private static Value dense(Graph graph, String name, Value x) {
    String bias = name + ".bias";
    return Matmul.linear(
        graph,
        x,
        graph.weight(name + ".weight"),
        graph.layout().contains(bias) ? graph.parameter(bias) : Value.NONE);
  }

  @Override
  public Value head(Graph graph) {
    return graph.weight(config.tiedHead() ? EMBEDDING : "lm_head.weight");
  }
}
