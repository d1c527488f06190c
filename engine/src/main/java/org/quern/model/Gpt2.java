package org.quern.model;

import java.util.ArrayList;
import java.util.List;
import org.quern.ir.Graph;
import org.quern.ir.Initializer;
import org.quern.ir.Parameter;
import org.quern.ir.Shape;
import org.quern.ir.Value;
import org.quern.ir.op.Activation;
import org.quern.ir.op.Add;
import org.quern.ir.op.Dropout;
import org.quern.ir.op.Embedding;
import org.quern.ir.op.LayerNorm;
import org.quern.ir.op.Matmul;

/**
 * GPT-2 (Radford et al. 2019): learned positions, layer norm before each sub-layer, packed
 * attention, weights stored {@code [in, out]}.
 *
 * @param config sizes and settings
 */
public record Gpt2(Gpt2Config config) implements CausalLanguageModel {
  private static final String PREFIX = "transformer.";

  private static String block(int layer) {
    return PREFIX + "h." + layer + ".";
  }

  @Override
  public List<Parameter> parameters() {
    int channels = config.channels();
    Initializer normal = new Initializer.Normal(config.initializerRange());
    // Scaled so that the residual sum keeps its variance (Radford et al. 2019, section 2.3).
    Initializer residual =
        new Initializer.Normal(
            (float) (config.initializerRange() / Math.sqrt(2.0 * config.layers())));
    List<Parameter> list = new ArrayList<>();
    list.add(
        new Parameter(PREFIX + "wte.weight", Shape.of(config.vocabularySize(), channels), normal));
    list.add(
        new Parameter(PREFIX + "wpe.weight", Shape.of(config.contextLength(), channels), normal));
    for (int layer = 0; layer < config.layers(); layer++) {
      String block = block(layer);
      addNorm(list, block + "ln_1");
      addDense(list, block + "attn.c_attn", channels, 3 * channels, normal);
      addDense(list, block + "attn.c_proj", channels, channels, residual);
      addNorm(list, block + "ln_2");
      addDense(list, block + "mlp.c_fc", channels, config.feedForward(), normal);
      addDense(list, block + "mlp.c_proj", config.feedForward(), channels, residual);
    }
    addNorm(list, PREFIX + "ln_f");
    if (!config.tiedHead()) {
      list.add(
          new Parameter("lm_head.weight", Shape.of(config.vocabularySize(), channels), normal));
    }
    return list;
  }

  private void addNorm(List<Parameter> list, String name) {
    Shape shape = Shape.of(config.channels());
    list.add(new Parameter(name + ".weight", shape, new Initializer.Ones()));
    list.add(new Parameter(name + ".bias", shape, new Initializer.Zeros()));
  }

  private static void addDense(
      List<Parameter> list, String name, int in, int out, Initializer initializer) {
    list.add(new Parameter(name + ".weight", Shape.of(in, out), initializer, true));
    list.add(new Parameter(name + ".bias", Shape.of(out), new Initializer.Zeros()));
  }

  @Override
  public Value hidden(Pass pass) {
    if (pass.positions() > config.contextLength()) {
      throw new ModelException(
          "A context of "
              + pass.positions()
              + " is too long for this model, which has "
              + config.contextLength()
              + " positions; choose a shorter one.");
    }
    Graph graph = pass.graph();
    Value x =
        Embedding.apply(
            graph,
            pass.ids(),
            graph.table(PREFIX + "wte.weight"),
            graph.parameter(PREFIX + "wpe.weight"),
            pass.starts());
    x = Dropout.apply(graph, x, pass.dropout(config.embeddingDropout()));
    for (int layer = 0; layer < config.layers(); layer++) {
      int number = layer;
      Value input = x;
      x = graph.block(() -> layer(pass, number, input));
    }
    return norm(graph, PREFIX + "ln_f", x);
  }

  private Value layer(Pass pass, int layer, Value input) {
    Graph graph = pass.graph();
    Value mixed = attention(pass, layer, norm(graph, block(layer) + "ln_1", input));
    Value residual = input;
    if (layer == config.layers() - 1) {
      mixed = pass.wanted(mixed);
      residual = pass.wanted(residual);
    }
    Value out = dense(graph, block(layer) + "attn.c_proj", mixed);
    out = Dropout.apply(graph, out, pass.dropout(config.residualDropout()));
    Value x = Add.apply(graph, residual, out);
    return Add.apply(graph, x, feedForward(pass, layer, norm(graph, block(layer) + "ln_2", x)));
  }

  private Value attention(Pass pass, int layer, Value x) {
    double scale = config.scaleAttention() ? 1 / Math.sqrt(config.headSize()) : 1;
    SelfAttention attention =
        new SelfAttention(
            config.heads(),
            config.heads(),
            config.headSize(),
            0,
            (float) (config.scaleByLayer() ? scale / (layer + 1) : scale),
            config.attentionDropout());
    Value qkv = dense(pass.graph(), block(layer) + "attn.c_attn", x);
    return attention.packed(pass, block(layer) + "attn", qkv);
  }

  private Value feedForward(Pass pass, int layer, Value x) {
    Graph graph = pass.graph();
    Value up = dense(graph, block(layer) + "mlp.c_fc", x);
    Value active = Activation.apply(graph, up, config.activation());
    Value down = dense(graph, block(layer) + "mlp.c_proj", active);
    return Dropout.apply(graph, down, pass.dropout(config.residualDropout()));
  }

  private Value norm(Graph graph, String name, Value x) {
    return LayerNorm.apply(
        graph,
        x,
        graph.parameter(name + ".weight"),
        graph.parameter(name + ".bias"),
        config.epsilon());
  }

  private static Value dense(Graph graph, String name, Value x) {
    return Matmul.conv1d(graph, x, graph.weight(name + ".weight"), graph.parameter(name + ".bias"));
  }

  @Override
  public Value head(Graph graph) {
    return graph.weight(config.tiedHead() ? PREFIX + "wte.weight" : "lm_head.weight");
  }
}
