package org.quern.cases;

import java.util.List;
import org.quern.cases.OperationCase.Values;
import org.quern.ir.Graph;
import org.quern.ir.Update;
import org.quern.ir.Value;
import org.quern.ir.op.Activation;
import org.quern.ir.op.ActivationFunction;
import org.quern.ir.op.Add;
import org.quern.ir.op.Attention;
import org.quern.ir.op.CrossEntropy;
import org.quern.ir.op.Dropout;
import org.quern.ir.op.Embedding;
import org.quern.ir.op.GatedActivation;
import org.quern.ir.op.LayerNorm;
import org.quern.ir.op.LinearCrossEntropy;
import org.quern.ir.op.Matmul;
import org.quern.ir.op.RmsNorm;
import org.quern.ir.op.Rope;
import org.quern.train.Optimizer;

/** A training step of each family, small enough to be run a thousand times. */
final class SmallModels {
  private static final int BATCH = 2;
  private static final int TIME = 13;
  private static final int CHANNELS = 24;
  private static final int HEADS = 4;
  private static final int GROUPS = 2;
  private static final int SIZE = CHANNELS / HEADS;
  private static final int INNER = 67;
  private static final int VOCABULARY = 35;
  private static final float EPSILON = 1e-5f;

  private SmallModels() {}

  static List<OperationCase> rows() {
    return List.of(gpt(false), gpt(true), llama());
  }

  private static OperationCase gpt(boolean folds) {
    OperationCase row =
        start("a step of a small GPT" + (folds ? " with folded gradients" : ""))
            .parameter("positions", Fill.normal(0.3), TIME, CHANNELS)
            .parameter("norm.beta", Fill.normal(0.1), CHANNELS)
            .parameter("qkv.bias", Fill.normal(0.1), 3 * CHANNELS)
            .parameter("up.bias", Fill.normal(0.1), INNER);
    weight(row, "qkv", CHANNELS, 3 * CHANNELS);
    weight(row, "out", CHANNELS, CHANNELS);
    weight(row, "up", CHANNELS, INNER);
    weight(row, "down", INNER, CHANNELS);
    return row.body((g, o) -> {
      if (folds) {
        g.foldGradients();
      }
      Value ids = o.get("ids");
      Value x = Embedding.apply(g, ids, o.get("table"), o.get("positions"), Value.NONE);
      x = Dropout.apply(g, x, 0.1f);
      Value n = LayerNorm.apply(g, x, o.get("norm"), o.get("norm.beta"), EPSILON);
      Value qkv = Matmul.conv1d(g, n, o.get("qkv"), o.get("qkv.bias"));
      Value attended = attend(g, HEADS, 0.1f, true, qkv, Value.NONE);
      x = Add.apply(g, x, Matmul.conv1d(g, attended, o.get("out"), Value.NONE));
      Value up = Matmul.conv1d(g, x, o.get("up"), o.get("up.bias"));
      up = Activation.apply(g, up, ActivationFunction.GELU_TANH);
      x = Add.apply(g, x, Matmul.conv1d(g, up, o.get("down"), Value.NONE));
      return finish(g, o, folds, LayerNorm.apply(g, x, o.get("norm"), Value.NONE, EPSILON));
    });
  }

  private static OperationCase llama() {
    OperationCase row = start("a step of a small Llama");
    row.constant("angles", Fill.uniform(-0.7, 0.7), TIME, SIZE);
    weight(row, "q", CHANNELS, CHANNELS);
    weight(row, "k", GROUPS * SIZE, CHANNELS);
    weight(row, "v", GROUPS * SIZE, CHANNELS);
    weight(row, "gate", INNER, CHANNELS);
    weight(row, "up", INNER, CHANNELS);
    weight(row, "down", CHANNELS, INNER);
    return row.body((g, o) -> {
      Value x = Embedding.apply(g, o.get("ids"), o.get("table"), Value.NONE, Value.NONE);
      Value n = RmsNorm.apply(g, x, o.get("norm"), EPSILON);
      Value q = Matmul.linear(g, n, o.get("q"), Value.NONE);
      Value k = Matmul.linear(g, n, o.get("k"), Value.NONE);
      Value v = Matmul.linear(g, n, o.get("v"), Value.NONE);
      q = Rope.apply(g, q, HEADS, o.get("angles"), Value.NONE);
      k = Rope.apply(g, k, GROUPS, o.get("angles"), Value.NONE);
      x = Add.apply(g, x, attend(g, GROUPS, 0, false, q, k, v, Value.NONE));
      Value gate = Matmul.linear(g, x, o.get("gate"), Value.NONE);
      Value up = Matmul.linear(g, x, o.get("up"), Value.NONE);
      Value active = GatedActivation.apply(g, gate, up, ActivationFunction.SILU);
      x = Add.apply(g, x, Matmul.linear(g, active, o.get("down"), Value.NONE));
      x = RmsNorm.apply(g, x, o.get("norm"), EPSILON);
      Value labels = o.get("labels");
      return update(
          g, false, LinearCrossEntropy.lossAndGradients(g, x, o.get("table"), labels, 10));
    });
  }

  private static OperationCase start(String name) {
    OperationCase row =
        OperationCase.of(name)
            .integers("ids", Fill.ids(VOCABULARY), BATCH, TIME)
            .integers("labels", Fill.ids(VOCABULARY), BATCH, TIME)
            .parameter("norm", Fill.uniform(0.5, 1.5), CHANNELS)
            .moments(Fill.normal(0.01), Fill.uniform(0.01, 0.1))
            .step(step -> step.accumulate = false)
            .step(step -> step.lossScale = 1f / (BATCH * TIME))
            .step(step -> step.maxNorm = 1);
    weight(row, "table", VOCABULARY, CHANNELS);
    return row;
  }

  private static void weight(OperationCase row, String name, int rows, int columns) {
    row.parameter(name, Fill.normal(0.3), rows, columns);
  }

  private static Value attend(
      Graph graph, int groups, float dropout, boolean packed, Value... inputs) {
    float scale = (float) (1 / Math.sqrt(SIZE));
    int stream = graph.nextStream();
    Attention op = new Attention(HEADS, groups, SIZE, true, 0, scale, dropout, stream, packed);
    return graph.append(op, List.of(inputs)).output(0);
  }

  private static Value finish(Graph graph, Values o, boolean folds, Value x) {
    Value logits = Matmul.linear(graph, x, o.get("table"), Value.NONE);
    Value loss = CrossEntropy.loss(graph, logits, o.get("labels"));
    graph.output("logits", logits);
    return update(graph, folds, loss);
  }

  private static Value update(Graph graph, boolean folds, Value loss) {
    graph.output("loss", loss);
    Optimizer optimizer = new Optimizer.AdamW(0.9f, 0.99f, 1e-8f, 0.1f);
    Update update = folds ? optimizer.foldingGradients() : optimizer.keepingGradients();
    graph.differentiate(loss, parameter -> update.complete(graph, parameter));
    update.finish(graph);
    return loss;
  }
}
