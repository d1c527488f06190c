package org.quern.cases;

import java.util.ArrayList;
import java.util.List;
import org.quern.ir.DType;
import org.quern.ir.Value;
import org.quern.ir.op.Add;
import org.quern.ir.op.CacheAppend;
import org.quern.ir.op.Embedding;
import org.quern.ir.op.Rope;
import org.quern.ir.op.Round;

/** Rows of the operations that look positions and ids up: Embedding, Rope and CacheAppend. */
final class PositionCases {
  private PositionCases() {}

  static List<OperationCase> rows() {
    List<OperationCase> rows = new ArrayList<>();
    for (int channels : new int[] {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 35, 67, 131}) {
      rows.add(embedding("tokens", 2, 3, channels, false, false).exact());
      rows.add(embedding("positions", 2, 3, channels, true, false));
      rows.add(embedding("starts", 3, 2, channels, true, true));
      rows.add(bf16Embedding(2, 3, channels));
      rows.add(embeddingBackward("integers", 3, 7, channels, true, true));
      for (DType type : List.of(DType.F32, DType.BF16)) {
        rows.add(cacheAppend(type, 2, 3, 1, channels, 0, channels));
        rows.add(cacheAppend(type, 3, 1, 2, channels, 2 * channels, 4 * channels + 1));
      }
    }
    rows.add(embeddingBackward("tokens only", 3, 7, 17, true, false));
    rows.add(embeddingBackward("positions only", 3, 7, 17, false, true));
    rows.add(embedding("one row", 1, 1, 1, false, false).exact());
    rows.add(embedding("small", 2, 3, 4, true, false).differentiable());
    rows.add(embedding("small tokens", 2, 5, 3, false, false).differentiable());
    int[][] forms = {
      // heads, head size, rotary size
      {1, 2, 2},
      {1, 4, 4},
      {2, 6, 6},
      {2, 7, 6},
      {3, 9, 4},
      {2, 14, 14},
      {2, 16, 16},
      {3, 17, 16},
      {2, 18, 18},
      {2, 32, 32},
      {1, 34, 34},
      {4, 64, 64},
      {2, 67, 38},
      {2, 70, 70},
      {1, 128, 128},
    };
    for (int[] form : forms) {
      rows.add(rope("forward", 2, 5, form, false, false));
      rows.add(rope("inverse", 1, 3, form, true, false));
      rows.add(rope("starts", 3, 2, form, false, true));
    }
    rows.add(rope("small", 1, 3, new int[] {2, 5, 4}, false, false).differentiable());
    rows.add(rope("speed", 1, 1024, new int[] {12, 64, 64}, false, false).speed());
    rows.add(embedding("speed", 4, 256, 768, true, false).speed());
    return rows;
  }

  private static OperationCase embedding(
      String what, int batch, int time, int channels, boolean positions, boolean starts) {
    OperationCase row =
        OperationCase.of("Embedding %s [%d, %d, %d]".formatted(what, batch, time, channels))
            .integers("ids", Fill.ids(11), batch, time)
            .parameter("table", Fill.awayFromZero(0.1), 11, channels);
    if (positions) {
      row.parameter("positions", Fill.awayFromZero(0.1), Math.max(time, 13), channels);
    }
    if (starts) {
      row.integers("starts", Fill.cycle(0, 10, 11), batch);
    }
    return row.body((g, o) ->
        Embedding.apply(
            g,
            o.get("ids"),
            o.get("table"),
            positions ? o.get("positions") : Value.NONE,
            starts ? o.get("starts") : Value.NONE));
  }

  /** Of a table that is read as BF16: rounded before, by an operation of its own. */
  private static OperationCase bf16Embedding(int batch, int time, int channels) {
    return OperationCase.of("Embedding of BF16 [%d, %d, %d]".formatted(batch, time, channels))
        .integers("ids", Fill.ids(11), batch, time)
        .parameter("table", Fill.integers(-9, 9), 11, channels)
        .parameter("positions", Fill.integers(-9, 9), time, channels)
        .exact()
        .body((g, o) -> {
          Value table = g.apply(new Round(false), o.get("table"));
          Value tokens = Embedding.apply(g, o.get("ids"), table, Value.NONE, Value.NONE);
          Value both = Embedding.apply(g, o.get("ids"), table, o.get("positions"), Value.NONE);
          return g.apply(new Add(), tokens, both);
        });
  }

  private static OperationCase embeddingBackward(
      String what, int batch, int time, int channels, boolean tokens, boolean positions) {
    return OperationCase.of(
            "Embedding.Backward %s [%d, %d, %d]".formatted(what, batch, time, channels))
        .integers("ids", Fill.ids(5), batch, time)
        .input("dout", Fill.integers(-9, 9), batch, time, channels)
        .parameter("table", Fill.integers(-9, 9), 6, channels)
        .parameter("positions", Fill.integers(-9, 9), time + 2, channels)
        .gradients(Fill.integers(-9, 9))
        .exact()
        .body((g, o) -> {
          g.append(
              new Embedding.Backward(6),
              List.of(
                  o.get("ids"),
                  o.get("dout"),
                  tokens ? g.gradient(o.get("table")) : Value.NONE,
                  positions ? g.gradient(o.get("positions")) : Value.NONE));
          return Value.NONE;
        });
  }

  private static OperationCase cacheAppend(
      DType type, int batch, int time, int heads, int size, int column, int width) {
    return OperationCase.of(
            "CacheAppend %s [%d, %d, %d * %d] from column %d of %d"
                .formatted(type, batch, time, heads, size, column, width))
        .cache("cache", type, Fill.normal(1), batch, heads, 9, size)
        .input("x", Fill.normal(1), batch, time, width)
        .integers("starts", Fill.cycle(0, 6, 4), batch)
        .exact()
        .body((g, o) -> {
          CacheAppend.apply(g, o.get("cache"), o.get("x"), column, o.get("starts"));
          return Value.NONE;
        });
  }

  private static OperationCase rope(
      String what, int batch, int time, int[] form, boolean inverse, boolean starts) {
    OperationCase row =
        OperationCase.of(
                "Rope %s [%d, %d, %d * %d] turning %d"
                    .formatted(what, batch, time, form[0], form[1], form[2]))
            .input("x", Fill.normal(1), batch, time, form[0] * form[1])
            .constant("table", Fill.uniform(-1, 1), Math.max(time, 12), form[2]);
    if (starts) {
      row.integers("starts", Fill.cycle(3, 0, 10), batch);
    }
    return row.body((g, o) ->
        g.apply(
            new Rope(form[0], inverse),
            o.get("x"),
            o.get("table"),
            starts ? o.get("starts") : Value.NONE));
  }
}
