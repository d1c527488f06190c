package org.quern.peers;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.nn.Activation;
import ai.djl.nn.core.Embedding;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.LayerNorm;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** GPT-2's architecture in DJL's array operations, with a tied head and random weights. */
final class LibtorchGpt {
  private static final float EPSILON = 1e-5f;
  private static final float MASKED = -1e9f;

  private final NDManager manager;
  private final Map<String, NDArray> parameters = new LinkedHashMap<>();
  private final int layers;
  private final int heads;
  private final int channels;

  LibtorchGpt(NDManager manager, Options options) {
    this.manager = manager;
    layers = options.number("layers");
    heads = options.number("heads");
    channels = options.number("channels");
    int feedForward = options.number("feed-forward");
    matrix("wte", options.number("vocabulary"), channels);
    matrix("wpe", options.number("positions"), channels);
    for (int layer = 0; layer < layers; layer++) {
      String block = layer + ".";
      norm(block + "ln_1");
      linear(block + "qkv", channels, 3 * channels);
      linear(block + "proj", channels, channels);
      norm(block + "ln_2");
      linear(block + "up", channels, feedForward);
      linear(block + "down", feedForward, channels);
    }
    norm("ln_f");
    parameters.values().forEach(parameter -> parameter.setRequiresGradient(true));
  }

  private void matrix(String name, int rows, int columns) {
    parameters.put(
        name, manager.randomNormal(0, 0.02f, new Shape(rows, columns), DataType.FLOAT32));
  }

  private void linear(String name, int in, int out) {
    matrix(name + ".weight", out, in);
    parameters.put(name + ".bias", manager.zeros(new Shape(out)));
  }

  private void norm(String name) {
    parameters.put(name + ".weight", manager.ones(new Shape(channels)));
    parameters.put(name + ".bias", manager.zeros(new Shape(channels)));
  }

  Map<String, NDArray> parameters() {
    return parameters;
  }

  private NDArray parameter(String name) {
    NDArray parameter = parameters.get(name);
    if (parameter == null) {
      throw new IllegalArgumentException("There is no parameter " + name + ".");
    }
    return parameter;
  }

  private NDArray norm(NDArray x, String name) {
    NDList out =
        LayerNorm.layerNorm(
            x,
            new Shape(channels),
            parameter(name + ".weight"),
            parameter(name + ".bias"),
            EPSILON);
    return out.singletonOrThrow();
  }

  private NDArray linear(NDArray x, String name) {
    return Linear.linear(x, parameter(name + ".weight"), parameter(name + ".bias"))
        .singletonOrThrow();
  }

  private NDArray embedding(NDArray ids, String name) {
    return Embedding.embedding(ids, parameter(name), SparseFormat.DENSE).singletonOrThrow();
  }

  /**
   * The mean loss of a batch.
   *
   * @param step owns all that is made on the way
   */
  NDArray loss(NDManager step, long[] ids, long[] labels, int batch) {
    int time = ids.length / batch;
    NDArray tokens = step.create(ids, new Shape(batch, time));
    NDArray positions = step.arange(0, time, 1, DataType.INT64);
    NDArray mask = step.create(mask(time), new Shape(time, time));
    NDArray x = embedding(tokens, "wte").add(embedding(positions, "wpe"));
    for (int layer = 0; layer < layers; layer++) {
      String block = layer + ".";
      x = x.add(linear(attention(norm(x, block + "ln_1"), mask, block), block + "proj"));
      NDArray up = Activation.gelu(linear(norm(x, block + "ln_2"), block + "up"));
      x = x.add(linear(up, block + "down"));
    }
    NDArray logits = Linear.linear(norm(x, "ln_f"), parameter("wte")).singletonOrThrow();
    NDArray targets = step.create(labels, new Shape(batch, time, 1));
    return logits.logSoftmax(-1).gather(targets, 2).mean().neg();
  }

  /** What is added to scores: nothing up to the own position, and far too little after it. */
  private static float[] mask(int time) {
    float[] mask = new float[time * time];
    for (int row = 0; row < time; row++) {
      Arrays.fill(mask, row * time + row + 1, (row + 1) * time, MASKED);
    }
    return mask;
  }

  private NDArray attention(NDArray x, NDArray mask, String block) {
    long batch = x.getShape().get(0);
    long time = x.getShape().get(1);
    NDList parts = linear(x, block + "qkv").split(3, 2);
    Shape split = new Shape(batch, time, heads, channels / heads);
    NDArray q = parts.get(0).reshape(split).transpose(0, 2, 1, 3);
    NDArray k = parts.get(1).reshape(split).transpose(0, 2, 3, 1);
    NDArray v = parts.get(2).reshape(split).transpose(0, 2, 1, 3);
    NDArray scores = q.matMul(k).mul(1 / Math.sqrt(channels / (double) heads)).add(mask);
    return scores.softmax(-1).matMul(v).transpose(0, 2, 1, 3).reshape(batch, time, channels);
  }
}
