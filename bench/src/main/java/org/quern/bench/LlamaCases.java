package org.quern.bench;

import static org.quern.bench.KernelCase.input;
import static org.quern.bench.KernelCase.integers;
import static org.quern.bench.KernelCase.parameter;
import static org.quern.bench.KernelCase.sizes;

import java.util.List;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Shape;
import org.quern.ir.Value;
import org.quern.ir.op.ActivationFunction;
import org.quern.ir.op.Attention;
import org.quern.ir.op.CacheAppend;
import org.quern.ir.op.Embedding;
import org.quern.ir.op.GatedActivation;
import org.quern.ir.op.Matmul;
import org.quern.ir.op.MatmulInt8;
import org.quern.ir.op.RmsNorm;
import org.quern.ir.op.Rope;

/** The operations of a Llama-shaped model of 135M parameters, as it reads and as it writes. */
final class LlamaCases {
  private static final int CHANNELS = 576;
  private static final int HEADS = 9;
  private static final int GROUPS = 3;
  private static final int HEAD = 64;
  private static final int FEED_FORWARD = 1536;
  private static final int VOCABULARY = 49_152;
  private static final int CAPACITY = 576;
  private static final String WEIGHT = "weight";
  private static final String GAMMA = "gamma";

  private final KernelCases cases;
  private final int batch;
  private final int time;
  private final int capacity;
  private final int rows;

  private LlamaCases(KernelCases cases, int batch, int time, int capacity) {
    this.cases = cases;
    this.batch = batch;
    this.time = time;
    this.capacity = capacity;
    rows = batch * time;
  }

  /** Reading a prompt of so many tokens, and the gradients of what GPT-2 does not have. */
  static List<KernelCase> reading(String model, int prompt) {
    KernelCases cases = new KernelCases(model, VOCABULARY, 0, false);
    LlamaCases llama = new LlamaCases(cases, 1, prompt, prompt);
    llama.forward();
    llama.backward();
    return cases.list();
  }

  /** Writing a token after a cache that is nearly full, for so many sequences. */
  static List<KernelCase> writing(String model, int sequences) {
    KernelCases cases = new KernelCases(model, VOCABULARY, CAPACITY - 1, true);
    LlamaCases llama = new LlamaCases(cases, sequences, 1, CAPACITY);
    llama.forward();
    llama.product(VOCABULARY, CHANNELS);
    return cases.list();
  }

  private void forward() {
    cases.add(
        sizes(rows, VOCABULARY, CHANNELS),
        List.of(parameter(WEIGHT, VOCABULARY, CHANNELS)),
        graph ->
            Embedding.apply(
                graph,
                integers(graph, "ids", batch, time),
                graph.parameter(WEIGHT),
                Value.NONE,
                Value.NONE));
    cases.add(
        sizes(rows, CHANNELS),
        List.of(parameter(GAMMA, CHANNELS)),
        graph ->
            RmsNorm.apply(graph, input(graph, "x", rows, CHANNELS), graph.parameter(GAMMA), 1e-5f));
    product(CHANNELS, CHANNELS);
    product(GROUPS * HEAD, CHANNELS);
    product(FEED_FORWARD, CHANNELS);
    product(CHANNELS, FEED_FORWARD);
    cases.add(sizes(batch, time, HEADS, HEAD), graph -> rope(graph, false));
    cases.add(
        sizes(batch, time, GROUPS * HEAD),
        graph ->
            CacheAppend.apply(
                graph,
                cache(graph, "cache"),
                input(graph, "x", batch, time, GROUPS * HEAD),
                0,
                starts(graph)));
    Attention attention =
        new Attention(HEADS, GROUPS, HEAD, true, 0, (float) (1 / Math.sqrt(HEAD)), 0, 0, false);
    cases.add(
        sizes(batch, time, HEADS, HEAD) + " over " + capacity,
        graph ->
            graph.append(
                attention,
                List.of(
                    input(graph, "q", batch, time, CHANNELS),
                    cache(graph, "k"),
                    cache(graph, "v"),
                    starts(graph))));
    cases.add(
        sizes(rows, FEED_FORWARD) + " silu",
        graph ->
            GatedActivation.apply(
                graph,
                input(graph, "gate", rows, FEED_FORWARD),
                input(graph, "up", rows, FEED_FORWARD),
                ActivationFunction.SILU));
  }

  private Value cache(Graph graph, String name) {
    return input(graph, name, batch, GROUPS, capacity, HEAD);
  }

  private void backward() {
    cases.add(
        sizes(rows, CHANNELS),
        List.of(parameter(GAMMA, CHANNELS)),
        graph ->
            graph.append(
                new RmsNorm.Backward(),
                List.of(
                    input(graph, "gradient", rows, CHANNELS),
                    input(graph, "x", rows, CHANNELS),
                    input(graph, "rstd", rows),
                    graph.parameter(GAMMA),
                    graph.gradient(graph.parameter(GAMMA)))));
    cases.add(sizes(batch, time, HEADS, HEAD) + " inverse", graph -> rope(graph, true));
    cases.add(
        sizes(rows, FEED_FORWARD) + " silu",
        graph ->
            graph.append(
                new GatedActivation.Backward(ActivationFunction.SILU),
                List.of(
                    input(graph, "gradient", rows, FEED_FORWARD),
                    input(graph, "gate", rows, FEED_FORWARD),
                    input(graph, "up", rows, FEED_FORWARD))));
  }

  private void product(int out, int in) {
    cases.add(
        sizes(rows, out, in),
        List.of(parameter(WEIGHT, out, in)),
        graph ->
            Matmul.linear(graph, input(graph, "x", rows, in), graph.weight(WEIGHT), Value.NONE));
    cases.add(
        sizes(rows, out, in) + " groups of 32",
        graph ->
            MatmulInt8.linear(
                graph,
                input(graph, "x", rows, in),
                graph.input(WEIGHT, DType.I8, Shape.of(out, in)),
                input(graph, "scales", out, in / 32),
                Value.NONE,
                32));
  }

  private Value rope(Graph graph, boolean inverse) {
    return graph.apply(
        new Rope(HEADS, inverse),
        input(graph, "x", batch, time, CHANNELS),
        input(graph, "table", capacity, HEAD),
        starts(graph));
  }

  private Value starts(Graph graph) {
    return integers(graph, KernelCase.STARTS, batch);
  }
}
