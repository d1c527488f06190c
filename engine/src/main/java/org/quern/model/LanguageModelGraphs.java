package org.quern.model;

import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Precision;
import org.quern.ir.Shape;
import org.quern.ir.Update;
import org.quern.ir.Value;
import org.quern.ir.WeightForm;
import org.quern.ir.op.LinearCrossEntropy;

/** The graphs of a causal language model, one for each thing that is done with it. */
public final class LanguageModelGraphs {
  /** The labels among the inputs of a graph with a loss: I32 {@code [batch, time]}. */
  public static final String LABELS = "labels";

  /** The logits among the outputs. */
  public static final String LOGITS = "logits";

  /** The loss among the outputs: {@code [1]}. */
  public static final String LOSS = "loss";

  private LanguageModelGraphs() {}

  /** Logits of whole sequences: {@code [batch, time, vocabulary]}. */
  public static Graph logits(CausalLanguageModel model, int batch, int time) {
    Graph graph = new Graph(model.layout());
    Pass pass = Pass.full(graph, batch, time, false);
    graph.output(LOGITS, model.logits(pass, model.hidden(pass)));
    return graph;
  }

  /** The loss of whole sequences, without dropout. */
  public static Graph evaluation(CausalLanguageModel model, int batch, int time) {
    Graph graph = new Graph(model.layout());
    appendLoss(graph, model, batch, time, false);
    return graph;
  }

  /**
   * Loss, gradients, and what {@code update} makes of them, in F32. The blocks of the model may be
   * recomputed ({@link Graph#recomputeBlocks}).
   */
  public static Graph training(CausalLanguageModel model, int batch, int time, Update update) {
    return training(model, batch, time, update, Precision.F32);
  }

  /**
   * The same for a backend that computes products in {@code precision}: in BF16, activations are
   * kept for the backward pass in BF16 too ({@link Graph#keepRounded}).
   */
  public static Graph training(
      CausalLanguageModel model, int batch, int time, Update update, Precision precision) {
    Graph graph = new Graph(model.layout());
    if (update.folds()) {
      graph.foldGradients();
    }
    Value loss = appendLoss(graph, model, batch, time, true);
    graph.differentiate(loss, parameter -> update.complete(graph, parameter));
    update.finish(graph);
    if (precision == Precision.BF16) {
      graph.keepRounded();
    }
    return graph;
  }

  private static Value appendLoss(
      Graph graph, CausalLanguageModel model, int batch, int time, boolean training) {
    Pass pass = Pass.full(graph, batch, time, training);
    Value labels = graph.input(LABELS, DType.I32, Shape.of(batch, time));
    Value hidden = model.hidden(pass);
    Value head = model.head(graph);
    Value loss =
        training
            ? LinearCrossEntropy.lossAndGradients(graph, hidden, head, labels)
            : LinearCrossEntropy.loss(graph, hidden, head, labels);
    graph.output(LOSS, loss);
    return loss;
  }

  /**
   * The next token's logits {@code [batch, 1, vocabulary]} after {@code time} more tokens of each
   * sequence, whose keys and values join the cache. The input {@link Pass#LAST_ROWS}, there if
   * {@code time > 1}, says which of the {@code batch * time} rows to predict after.
   *
   * @param weights in what form the matrices are read
   * @param precision how products are computed: in BF16, so are the keys and values that are kept
   */
  public static Graph generation(
      CausalLanguageModel model,
      int batch,
      int time,
      int capacity,
      WeightForm weights,
      Precision precision) {
    Graph graph = new Graph(model.layout(), weights);
    DType cacheType = precision == Precision.BF16 ? DType.BF16 : DType.F32;
    Pass pass = Pass.cached(graph, batch, time, capacity, cacheType);
    graph.output(LOGITS, model.logits(pass, model.hidden(pass)));
    return graph;
  }
}
