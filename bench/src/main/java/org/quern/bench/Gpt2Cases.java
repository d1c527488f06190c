package org.quern.bench;

import static org.quern.bench.KernelCase.input;
import static org.quern.bench.KernelCase.integers;
import static org.quern.bench.KernelCase.parameter;
import static org.quern.bench.KernelCase.rounded;
import static org.quern.bench.KernelCase.sizes;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.quern.ir.Graph;
import org.quern.ir.Value;
import org.quern.ir.op.Activation;
import org.quern.ir.op.ActivationFunction;
import org.quern.ir.op.AdamW;
import org.quern.ir.op.Add;
import org.quern.ir.op.Attention;
import org.quern.ir.op.ColumnSum;
import org.quern.ir.op.CrossEntropy;
import org.quern.ir.op.Dropout;
import org.quern.ir.op.Embedding;
import org.quern.ir.op.GradientNorm;
import org.quern.ir.op.LayerNorm;
import org.quern.ir.op.Matmul;
import org.quern.ir.op.Round;
import org.quern.ir.op.Sgd;

/** The operations of a step that trains GPT-2, and of the loss alone. */
final class Gpt2Cases {
  /** Classes that the loss alone takes at a time. */
  private static final int CHUNK = 8192;

  /** So near to one that no moment becomes too small a number, however often it is updated. */
  private static final float KEEP = 0.999999f;

  private static final String WEIGHT = "weight";
  private static final float EPSILON = 1e-5f;

  private final KernelCases cases;
  private final int batch;
  private final int time;
  private final int channels;
  private final int heads;
  private final int vocabulary;
  private final int rows;
  private final String stream;

  private Gpt2Cases(String model, int batch, int time, int channels, int heads, int vocabulary) {
    cases = new KernelCases(model, vocabulary, 0, false);
    this.batch = batch;
    this.time = time;
    this.channels = channels;
    this.heads = heads;
    this.vocabulary = vocabulary;
    rows = batch * time;
    stream = sizes(rows, channels);
  }

  static List<KernelCase> of(
      String model, int batch, int time, int channels, int heads, int vocabulary) {
    Gpt2Cases gpt2 = new Gpt2Cases(model, batch, time, channels, heads, vocabulary);
    gpt2.embedding();
    gpt2.norms();
    gpt2.products();
    gpt2.attention(batch, time);
    if (channels > 512) {
      gpt2.attention(1, 1024);
    }
    gpt2.elementwise();
    gpt2.loss();
    gpt2.update();
    return gpt2.cases.list();
  }

  private void embedding() {
    String shape = sizes(rows, vocabulary, channels);
    var tables =
        List.of(parameter("table", vocabulary, channels), parameter("positions", time, channels));
    cases.add(
        shape,
        tables,
        graph ->
            Embedding.apply(
                graph,
                integers(graph, "ids", batch, time),
                graph.parameter("table"),
                graph.parameter("positions"),
                Value.NONE));
    cases.add(
        shape,
        tables,
        graph ->
            graph.append(
                new Embedding.Backward(vocabulary),
                List.of(
                    integers(graph, "ids", batch, time),
                    input(graph, "gradient", batch, time, channels),
                    graph.parameter("table"),
                    graph.parameter("positions"))));
  }

  private void norms() {
    var parameters = List.of(parameter("gamma", channels), parameter("beta", channels));
    cases.add(
        stream,
        parameters,
        graph ->
            LayerNorm.apply(
                graph,
                input(graph, "x", rows, channels),
                graph.parameter("gamma"),
                graph.parameter("beta"),
                EPSILON));
    cases.add(
        stream,
        parameters,
        graph ->
            graph.append(
                new LayerNorm.Backward(),
                List.of(
                    input(graph, "gradient", rows, channels),
                    input(graph, "x", rows, channels),
                    input(graph, "mean", rows),
                    input(graph, "rstd", rows),
                    graph.parameter("gamma"),
                    graph.gradient(graph.parameter("gamma")),
                    graph.gradient(graph.parameter("beta")))));
  }

  private void products() {
    layer(channels, 3 * channels, false);
    layer(channels, channels, false);
    layer(channels, 4 * channels, false);
    layer(4 * channels, channels, false);
    layer(channels, vocabulary, true);
  }

  /** The three products of a layer, each called by rows, columns and what is summed over. */
  private void layer(int in, int out, boolean head) {
    var weight = List.of(head ? parameter(WEIGHT, out, in) : parameter(WEIGHT, in, out));
    var biased = List.of(weight.getFirst(), parameter("bias", out));
    cases.add(
        sizes(rows, out, in),
        biased,
        graph ->
            graph.apply(
                new Matmul(head),
                input(graph, "x", rows, in),
                graph.parameter(WEIGHT),
                head ? Value.NONE : graph.parameter("bias")));
    cases.add(
        sizes(rows, in, out),
        weight,
        graph ->
            graph.apply(
                new Matmul.InputGradient(head),
                input(graph, "gradient", rows, out),
                graph.parameter(WEIGHT)));
    cases.add(
        head ? sizes(out, in, rows) : sizes(in, out, rows),
        weight,
        graph ->
            graph.append(
                new Matmul.WeightGradient(head),
                List.of(
                    input(graph, "gradient", rows, out),
                    input(graph, "x", rows, in),
                    graph.parameter(WEIGHT))));
  }

  private void attention(int sequences, int tokens) {
    int headSize = channels / heads;
    Attention attention =
        new Attention(
            heads, heads, headSize, true, 0, (float) (1 / Math.sqrt(headSize)), 0, 0, true);
    String shape = sizes(sequences, tokens, heads, headSize);
    cases.add(
        shape,
        graph ->
            graph.append(
                attention,
                List.of(input(graph, "qkv", sequences, tokens, 3 * channels), Value.NONE)));
    cases.add(
        shape,
        graph ->
            graph.append(
                new Attention.Backward(attention),
                List.of(
                    input(graph, "gradient", sequences, tokens, channels),
                    input(graph, "out", sequences, tokens, channels),
                    input(graph, "lse", sequences, heads, tokens),
                    input(graph, "qkv", sequences, tokens, 3 * channels))));
  }

  private void elementwise() {
    for (ActivationFunction function : ActivationFunction.values()) {
      String name = function.name().toLowerCase(Locale.ROOT).replace('_', '-');
      String shape = sizes(rows, 4 * channels) + " " + name;
      cases.add(
          shape, graph -> Activation.apply(graph, input(graph, "x", rows, 4 * channels), function));
      cases.add(
          shape,
          graph ->
              graph.apply(
                  new Activation.Backward(function),
                  input(graph, "gradient", rows, 4 * channels),
                  input(graph, "x", rows, 4 * channels)));
    }
    cases.add(
        stream,
        graph ->
            Add.apply(graph, input(graph, "a", rows, channels), input(graph, "b", rows, channels)));
    cases.add(stream, graph -> Dropout.apply(graph, input(graph, "x", rows, channels), 0.1f));
    cases.add(
        sizes(rows, 4 * channels),
        graph -> graph.append(new Round(true), List.of(input(graph, "x", rows, 4 * channels))));
    cases.add(
        sizes(rows, 4 * channels),
        graph -> graph.apply(new Round.Widen(), rounded(graph, "x", rows, 4 * channels)));
    cases.add(
        sizes(rows, 4 * channels),
        List.of(parameter("bias", 4 * channels)),
        graph ->
            graph.append(
                new ColumnSum(),
                List.of(input(graph, "gradient", rows, 4 * channels), graph.parameter("bias"))));
  }

  private void loss() {
    String shape = sizes(rows, vocabulary);
    cases.add(shape, graph -> graph.append(new CrossEntropy(), logits(graph, vocabulary)));
    int chunk = Math.min(CHUNK, vocabulary);
    cases.add(
        sizes(rows, chunk),
        graph -> graph.append(new CrossEntropy.Chunk(0, vocabulary), logits(graph, chunk)));
    cases.add(
        shape,
        graph -> {
          List<Value> operands = new ArrayList<>(logits(graph, vocabulary));
          operands.add(input(graph, "lse", rows));
          graph.append(new CrossEntropy.Backward(), operands);
        });
    cases.add(
        shape, graph -> graph.append(new CrossEntropy.WithGradient(), logits(graph, vocabulary)));
    cases.add(
        sizes(rows), graph -> graph.apply(new CrossEntropy.Sum(), input(graph, "losses", rows)));
  }

  private List<Value> logits(Graph graph, int classes) {
    return List.of(input(graph, "logits", rows, classes), integers(graph, "labels", rows));
  }

  private void update() {
    var matrix = List.of(parameter(WEIGHT, channels, 4 * channels));
    var table = List.of(parameter(WEIGHT, vocabulary, channels));
    for (var weight : List.of(matrix, table)) {
      String shape = sizes(weight.getFirst().shape().toArray());
      cases.add(
          shape,
          weight,
          graph ->
              new AdamW(KEEP, KEEP, 1e-8f, 0.1f, false)
                  .apply(graph, WEIGHT, input(graph, "norm", 1)));
      cases.add(
          shape,
          weight,
          graph -> new Sgd(KEEP, 0, false).apply(graph, WEIGHT, input(graph, "norm", 1)));
      cases.add(
          shape,
          weight,
          graph -> graph.apply(new GradientNorm.SquareSum(), graph.parameter(WEIGHT)));
    }
    int blocks =
        Math.toIntExact(
            Math.ceilDiv((long) vocabulary * channels, (long) GradientNorm.SquareSum.BLOCK));
    cases.add(
        sizes(blocks), graph -> graph.apply(new GradientNorm(), input(graph, "sums", blocks)));
  }
}
