package org.quern.cases;

import java.util.ArrayList;
import java.util.List;
import org.quern.ir.Graph;
import org.quern.ir.Value;
import org.quern.ir.op.LayerNorm;
import org.quern.ir.op.RmsNorm;

/** Rows of LayerNorm and RmsNorm. */
final class NormCases {
  private static final int[] CHANNELS = {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 35, 67, 131};
  private static final float EPSILON = 1e-5f;

  private NormCases() {}

  static List<OperationCase> rows() {
    List<OperationCase> rows = new ArrayList<>();
    for (int channels : CHANNELS) {
      for (int count : new int[] {1, 5}) {
        both(rows, "normal", Fill.normal(1), count, channels);
        rows.add(layerNormBackward(count, channels, true));
        rows.add(rmsNormBackward(count, channels));
      }
    }
    both(rows, "zero", Fill.cycle(0), 3, 35);
    both(rows, "zero variance", Fill.cycle(7), 3, 35);
    both(rows, "zero variance 1e4", Fill.cycle(1e4), 3, 35);
    both(rows, "1e4", Fill.signs(1e4), 3, 67);
    both(rows, "80", Fill.signs(80), 3, 67);
    both(rows, "far from zero", (random, i) -> 1000 + (float) random.nextGaussian(), 3, 67);
    both(rows, "denormals", Fill.denormals(), 3, 35);
    both(
        rows,
        "not a number in one row",
        (random, i) -> i == 40 ? Float.NaN : (float) random.nextGaussian(),
        3,
        35);
    rows.add(layerNorm("no beta", Fill.normal(1), 5, 17, false));
    rows.add(layerNormBackward(5, 17, false));
    rows.add(layerNormBackward(37, 67, true));
    rows.add(rmsNormBackward(37, 67));
    rows.add(layerNorm("differentiable", Fill.normal(1), 3, 7, true).differentiable());
    rows.add(
        layerNorm("differentiable without beta", Fill.normal(1), 2, 5, false).differentiable());
    rows.add(rmsNorm("differentiable", Fill.normal(1), 3, 7).differentiable());
    rows.add(layerNorm("speed", Fill.normal(1), 1024, 768, true).speed());
    rows.add(rmsNorm("speed", Fill.normal(1), 1024, 768).speed());
    return rows;
  }

  private static void both(
      List<OperationCase> rows, String what, Fill fill, int count, int channels) {
    rows.add(layerNorm(what, fill, count, channels, true));
    rows.add(rmsNorm(what, fill, count, channels));
  }

  private static String name(String op, String what, int count, int channels) {
    return op + " " + what + " [" + count + ", " + channels + "]";
  }

  private static OperationCase layerNorm(
      String what, Fill fill, int count, int channels, boolean beta) {
    OperationCase row =
        OperationCase.of(name("LayerNorm", what, count, channels))
            .input("x", fill, count, channels)
            .parameter("gamma", Fill.awayFromZero(0.1), channels);
    if (beta) {
      row.parameter("beta", Fill.normal(1), channels);
    }
    return row.body((g, o) ->
        LayerNorm.apply(g, o.get("x"), o.get("gamma"), beta ? o.get("beta") : Value.NONE, EPSILON));
  }

  private static OperationCase layerNormBackward(int count, int channels, boolean beta) {
    OperationCase row =
        OperationCase.of(name("LayerNorm.Backward", beta ? "normal" : "no beta", count, channels))
            .input("dout", Fill.normal(1), count, channels)
            .input("x", Fill.normal(1), count, channels)
            .input("mean", Fill.normal(0.1), count)
            .input("rstd", Fill.uniform(0.5, 2), count)
            .parameter("gamma", Fill.awayFromZero(0.1), channels)
            .gradients(Fill.normal(1));
    if (beta) {
      row.parameter("beta", Fill.normal(1), channels);
    }
    return row.body((g, o) -> layerNormBackward(g, o, beta));
  }

  private static Value layerNormBackward(Graph graph, OperationCase.Values o, boolean beta) {
    return graph.apply(
        new LayerNorm.Backward(),
        o.get("dout"),
        o.get("x"),
        o.get("mean"),
        o.get("rstd"),
        o.get("gamma"),
        graph.gradient(o.get("gamma")),
        beta ? graph.gradient(o.get("beta")) : Value.NONE);
  }

  private static OperationCase rmsNorm(String what, Fill fill, int count, int channels) {
    return OperationCase.of(name("RmsNorm", what, count, channels))
        .input("x", fill, count, channels)
        .parameter("gamma", Fill.awayFromZero(0.1), channels)
        .body((g, o) -> RmsNorm.apply(g, o.get("x"), o.get("gamma"), EPSILON));
  }

  private static OperationCase rmsNormBackward(int count, int channels) {
    return OperationCase.of(name("RmsNorm.Backward", "normal", count, channels))
        .input("dout", Fill.normal(1), count, channels)
        .input("x", Fill.normal(1), count, channels)
        .input("rstd", Fill.uniform(0.5, 2), count)
        .parameter("gamma", Fill.awayFromZero(0.1), channels)
        .gradients(Fill.normal(1))
        .body((g, o) ->
            g.apply(
                new RmsNorm.Backward(),
                o.get("dout"),
                o.get("x"),
                o.get("rstd"),
                o.get("gamma"),
                g.gradient(o.get("gamma"))));
  }
}
