package org.quern.cases;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.quern.cases.OperationCase.Values;
import org.quern.ir.Graph;
import org.quern.ir.Node;
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

/**
 * Small models put together at random: operations in any order, values read once, often or never,
 * weights shared between places; differentiated, and updated by AdamW. What they are made of is
 * right by the table, so what goes wrong is the plan: memory reused too early, work done in place
 * where it may not be, a barrier too few.
 */
final class RandomGraphs {
  private static final int VOCABULARY = 11;
  private static final float EPSILON = 1e-5f;

  private final Random random;
  private final int batch;
  private final int time;
  private final int heads;
  private final int groups;
  private final int size;
  private final int channels;
  private final int inner;

  private RandomGraphs(long seed) {
    random = new Random(seed);
    batch = 1 + random.nextInt(3);
    time = List.of(1, 3, 5, 8, 17).get(random.nextInt(5));
    heads = List.of(2, 4).get(random.nextInt(2));
    groups = random.nextBoolean() ? heads : heads / 2;
    size = List.of(2, 4, 6, 8).get(random.nextInt(4));
    channels = heads * size;
    inner = List.of(7, 16, 33).get(random.nextInt(3));
  }

  /** The model of this seed. */
  static OperationCase row(long seed) {
    return new RandomGraphs(seed).row("random graph " + seed);
  }

  private OperationCase row(String name) {
    Fill tokens = Fill.ids(VOCABULARY);
    Fill labels = (r, i) -> r.nextInt(4) == 0 ? CrossEntropy.IGNORED : r.nextInt(VOCABULARY);
    boolean update = random.nextInt(3) > 0;
    long body = random.nextLong();
    boolean folds = (body & 3) == 0;
    boolean accumulate = (body & 3) == 1;
    boolean recompute = (body >> 2 & 1) == 0;
    OperationCase row =
        OperationCase.of(name)
            .integers("ids", tokens, batch, time)
            .integers("labels", labels, batch, time)
            .constant("angles", Fill.uniform(-0.7, 0.7), time + 1, size)
            .gradients(Fill.normal(0.01))
            .moments(Fill.normal(0.01), Fill.uniform(0.01, 0.1))
            .step(step -> step.update = update)
            .step(step -> step.accumulate = accumulate)
            .step(step -> step.lossScale = 1f / (batch * time))
            .step(step -> step.maxNorm = 1);
    weight(row, "table", VOCABULARY, channels);
    weight(row, "positions", time + 2, channels);
    for (int index = 0; index < 3; index++) {
      row.parameter("gamma" + index, Fill.uniform(0.5, 1.5), channels);
      row.parameter("beta" + index, Fill.normal(0.1), channels);
      weight(row, "square" + index, channels, channels);
    }
    row.parameter("bias", Fill.normal(0.1), channels);
    row.parameter("wide.bias", Fill.normal(0.1), channels + 2 * groups * size);
    weight(row, "wide", channels, channels + 2 * groups * size);
    weight(row, "key", groups * size, channels);
    weight(row, "value", groups * size, channels);
    weight(row, "gate", inner, channels);
    weight(row, "up", inner, channels);
    weight(row, "down", channels, inner);
    return row.body((graph, values) -> append(graph, values, folds, recompute, new Random(body)));
  }

  private static void weight(OperationCase row, String name, int rows, int columns) {
    row.parameter(name, Fill.normal(0.3), rows, columns);
  }

  private Value append(Graph graph, Values o, boolean folds, boolean recompute, Random random) {
    Optimizer optimizer = new Optimizer.AdamW(0.9f, 0.99f, 1e-8f, 0.1f);
    Update update = folds ? optimizer.foldingGradients() : optimizer.keepingGradients();
    if (folds) {
      graph.foldGradients();
    }
    Graft graft = new Graft(graph, o, random);
    List<Value> known = new ArrayList<>();
    Value positions = random.nextBoolean() ? o.get("positions") : Value.NONE;
    known.add(Embedding.apply(graph, o.get("ids"), o.get("table"), positions, Value.NONE));
    int count = 2 + random.nextInt(10);
    for (int index = 0; index < count; index++) {
      known.add(graph.block(() -> graft.next(known)));
    }
    Value last = RmsNorm.apply(graph, known.getLast(), o.get("gamma0"), EPSILON);
    Value loss =
        loss(graph, last, o.get("table"), o.get("labels"), Math.max(0, random.nextInt(13) - 3));
    for (int index = 0; index < 2; index++) {
      Value value = known.get(random.nextInt(known.size()));
      if (!graph.outputs().containsValue(value)) {
        graph.output("value " + index, value);
      }
    }
    graph.output("loss", loss);
    graph.differentiate(loss, parameter -> update.complete(graph, parameter));
    update.finish(graph);
    if (recompute) {
      graph.recomputeBlocks();
    }
    return loss;
  }

  private Value loss(Graph graph, Value x, Value weight, Value labels, int rows) {
    if (rows > 0) {
      return LinearCrossEntropy.lossAndGradients(graph, x, weight, labels, rows);
    }
    Value logits = Matmul.linear(graph, x, weight, Value.NONE);
    return CrossEntropy.loss(graph, logits, labels);
  }

  /** Appends one thing after another. */
  private final class Graft {
    private final Graph graph;
    private final Values o;
    private final Random random;

    Graft(Graph graph, Values o, Random random) {
      this.graph = graph;
      this.o = o;
      this.random = random;
    }

    Value next(List<Value> known) {
      Value x = random.nextInt(3) > 0 ? known.getLast() : any(known);
      return switch (random.nextInt(13)) {
        case 0 -> LayerNorm.apply(graph, x, one("gamma"), maybe(one("beta")), EPSILON);
        case 1 -> RmsNorm.apply(graph, x, one("gamma"), EPSILON);
        case 2 -> graph.apply(new Matmul(random.nextBoolean()), x, one("square"), bias());
        case 3 -> mlp(x);
        case 4 -> gatedMlp(x);
        case 5 -> packedAttention(x);
        case 6 -> attention(x);
        case 7 -> Add.apply(graph, x, any(known));
        case 8 -> Dropout.apply(graph, x, 0.2f);
        case 9 -> Activation.apply(graph, x, function());
        case 10 -> GatedActivation.apply(graph, x, any(known), function());
        case 11 -> flat(x);
        default -> Add.apply(graph, x, x);
      };
    }

    private Value any(List<Value> known) {
      return known.get(random.nextInt(known.size()));
    }

    private Value one(String name) {
      return o.get(name + random.nextInt(3));
    }

    private Value maybe(Value value) {
      return random.nextBoolean() ? value : Value.NONE;
    }

    private Value bias() {
      return maybe(o.get("bias"));
    }

    private ActivationFunction function() {
      // Without ReLU, whose slope at a rounded zero is anyone's.
      return ActivationFunction.values()[1 + random.nextInt(3)];
    }

    private Value mlp(Value x) {
      Value up = Matmul.linear(graph, x, o.get("up"), Value.NONE);
      Value active = Activation.apply(graph, up, function());
      return Matmul.linear(graph, active, o.get("down"), bias());
    }

    private Value gatedMlp(Value x) {
      Value gate = Matmul.linear(graph, x, o.get("gate"), Value.NONE);
      Value up = Matmul.linear(graph, x, o.get("up"), Value.NONE);
      Value active = GatedActivation.apply(graph, gate, up, function());
      return Matmul.linear(graph, active, o.get("down"), bias());
    }

    private Value packedAttention(Value x) {
      Value qkv = Matmul.conv1d(graph, x, o.get("wide"), maybe(o.get("wide.bias")));
      return attend(true, qkv, Value.NONE);
    }

    private Value attention(Value x) {
      Value q = Matmul.linear(graph, x, one("square"), Value.NONE);
      Value k = Matmul.linear(graph, x, o.get("key"), Value.NONE);
      Value v = Matmul.linear(graph, x, o.get("value"), Value.NONE);
      if (random.nextBoolean()) {
        q = Rope.apply(graph, q, heads, o.get("angles"), Value.NONE);
        k = Rope.apply(graph, k, groups, o.get("angles"), Value.NONE);
      }
      return attend(false, q, k, v, Value.NONE);
    }

    private Value attend(boolean packed, Value... inputs) {
      float dropout = random.nextInt(3) == 0 ? 0.1f : 0;
      int window = random.nextInt(3) == 0 ? 2 : 0;
      float scale = (float) (1 / Math.sqrt(size));
      int stream = graph.nextStream();
      Attention op =
          new Attention(heads, groups, size, true, window, scale, dropout, stream, packed);
      Node node = graph.append(op, List.of(inputs));
      return node.output(0);
    }

    private Value flat(Value x) {
      Value rows = x.view(batch * time, channels);
      return Activation.apply(graph, rows, function()).view(batch, time, channels);
    }
  }
}
