package org.quern.cases;

import java.util.ArrayList;
import java.util.List;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Node;
import org.quern.ir.Value;
import org.quern.ir.op.Attention;

/** Rows of Attention and its gradient. */
final class AttentionCases {
  /** The sizes and attributes of a row. */
  private record Form(
      int batch,
      int time,
      int keys,
      int heads,
      int groups,
      int size,
      boolean causal,
      int window,
      float dropout,
      boolean packed) {
    static Form causal(int batch, int time, int heads, int groups, int size) {
      return new Form(batch, time, time, heads, groups, size, true, 0, 0, false);
    }

    Form withPacked() {
      return new Form(batch, time, keys, heads, groups, size, causal, window, dropout, true);
    }

    Form withWindow(int window) {
      return new Form(batch, time, keys, heads, groups, size, causal, window, dropout, packed);
    }

    Form withDropout(float dropout) {
      return new Form(batch, time, keys, heads, groups, size, causal, window, dropout, packed);
    }

    Form withKeys(int keys) {
      return new Form(batch, time, keys, heads, groups, size, causal, window, dropout, packed);
    }

    Form withoutMask() {
      return new Form(batch, time, keys, heads, groups, size, false, window, dropout, packed);
    }

    Attention op(Graph graph) {
      float scale = (float) (1 / Math.sqrt(size));
      int stream = graph.nextStream();
      return new Attention(heads, groups, size, causal, window, scale, dropout, stream, packed);
    }
  }

  private AttentionCases() {}

  static List<OperationCase> rows() {
    List<OperationCase> rows = new ArrayList<>();
    for (int size : new int[] {1, 3, 7, 8, 9, 16, 17, 33, 64, 67}) {
      both(rows, Form.causal(1, 5, 2, 1, size));
    }
    for (int time : new int[] {1, 2, 7, 8, 9, 15, 16, 17, 35, 67, 131}) {
      both(rows, Form.causal(1, time, 1, 1, 8));
      both(rows, Form.causal(2, time, 2, 2, 8).withPacked());
    }
    both(rows, Form.causal(3, 11, 6, 2, 5));
    both(rows, Form.causal(3, 11, 6, 2, 5).withPacked());
    both(rows, Form.causal(2, 9, 8, 1, 16));
    both(rows, Form.causal(2, 9, 7, 7, 4).withPacked());
    for (int window : new int[] {1, 2, 3, 16, 37, 1000}) {
      both(rows, Form.causal(2, 37, 4, 2, 8).withWindow(window));
    }
    both(rows, Form.causal(2, 37, 4, 2, 8).withDropout(0.1f));
    both(rows, Form.causal(2, 13, 3, 3, 5).withDropout(0.5f).withPacked());
    both(rows, Form.causal(2, 19, 4, 1, 9).withWindow(4).withDropout(0.3f));
    both(rows, Form.causal(2, 5, 2, 1, 8).withKeys(11).withoutMask());
    both(rows, Form.causal(2, 17, 2, 2, 7).withKeys(3).withoutMask());
    both(rows, Form.causal(1, 35, 2, 2, 7).withoutMask().withDropout(0.2f));

    Form form = Form.causal(2, 19, 4, 2, 9);
    for (double scale : new double[] {80, 1e4}) {
      rows.add(separate("v of " + scale, form, Fill.normal(1), Fill.signs(scale), false));
    }
    rows.add(separate("scores of 80", form, Fill.signs(8.9), Fill.normal(1), true));
    rows.add(separate("scores of 1e4", form, Fill.signs(100), Fill.normal(1), false));
    rows.add(separate("denormals", form, Fill.denormals(), Fill.normal(1), true));
    rows.add(separate("all equal", form, Fill.cycle(0.5), Fill.normal(1), true));
    rows.add(
        separate(
            "not a number in one row",
            form,
            (random, index) -> index == 100 ? Float.NaN : (float) random.nextGaussian(),
            Fill.normal(1),
            false));

    cached(rows);
    rows.add(
        separate("small", Form.causal(2, 4, 2, 1, 3), Fill.normal(1), Fill.normal(1), false)
            .differentiable());
    rows.add(
        separate(
                "small",
                Form.causal(1, 5, 2, 2, 3).withWindow(2),
                Fill.normal(1),
                Fill.normal(1),
                false)
            .differentiable());
    rows.add(packed("small", Form.causal(2, 4, 4, 2, 2).withPacked(), false).differentiable());
    rows.add(
        separate(
                "small",
                Form.causal(1, 5, 2, 1, 3).withDropout(0.4f),
                Fill.normal(1),
                Fill.normal(1),
                false)
            .differentiable());
    rows.add(
        separate(
                "small",
                Form.causal(1, 3, 2, 1, 3).withKeys(4).withoutMask(),
                Fill.normal(1),
                Fill.normal(1),
                false)
            .differentiable());
    rows.add(packed("speed", Form.causal(4, 256, 12, 12, 64).withPacked(), true).speed());
    rows.add(separate("speed", Form.causal(1, 1024, 12, 4, 64)).speed());
    return rows;
  }

  private static void both(List<OperationCase> rows, Form form) {
    rows.add(form.packed() ? packed("normal", form, true) : separate("normal", form));
  }

  /** Decoding and prefill: a few new rows over a cache, each sequence at a place of its own. */
  private static void cached(List<OperationCase> rows) {
    Form decode = Form.causal(3, 1, 4, 2, 16).withKeys(40);
    addCached(rows, "decode", decode, 0, 17, 39);
    addCached(rows, "decode", decode.withWindow(5), 3, 4, 39);
    addCached(rows, "decode", Form.causal(3, 1, 3, 1, 67).withKeys(9), 0, 7, 8);
    addCached(rows, "prefill", Form.causal(2, 7, 4, 4, 9).withKeys(32), 0, 25);
    addCached(rows, "prefill", Form.causal(2, 7, 4, 1, 8).withKeys(32).withWindow(3), 2, 20);
    addCached(rows, "wide decode", Form.causal(2, 1, 2, 1, 200).withKeys(700), 350, 699);
    addCached(rows, "long prefill", Form.causal(2, 67, 2, 1, 8).withKeys(131), 0, 64);
    // A window that ends behind the cache leaves nothing to see.
    addCached(rows, "fully masked", decode.withWindow(3), 42, 41, 100);
    // Padding on the left: the first rows stand before the text.
    addCached(rows, "before the text", Form.causal(2, 5, 2, 1, 8).withKeys(8), -3, 0);
  }

  private static String name(String what, Form form) {
    return "Attention "
        + (form.packed() ? "packed " : "")
        + what
        + form.toString().replace("Form", " ").replace(", packed=" + form.packed(), "");
  }

  private static OperationCase separate(String what, Form form) {
    return separate(what, form, Fill.normal(1), Fill.normal(1), true);
  }

  private static OperationCase separate(
      String what, Form form, Fill fill, Fill values, boolean backward) {
    int channels = form.heads * form.size;
    int keyChannels = form.groups * form.size;
    OperationCase row =
        OperationCase.of(name(what, form))
            .input("q", fill, form.batch, form.time, channels)
            .input("k", fill, form.batch, form.keys, keyChannels)
            .input("v", values, form.batch, form.keys, keyChannels);
    if (backward) {
      row.input("dout", Fill.normal(1), form.batch, form.time, channels);
    }
    return row.body((g, o) -> {
      List<Value> operands = List.of(o.get("q"), o.get("k"), o.get("v"), Value.NONE);
      Value dout = backward ? o.get("dout") : Value.NONE;
      return forwardAndBackward(g, form, operands, dout);
    });
  }

  private static OperationCase packed(String what, Form form, boolean backward) {
    int channels = form.heads * form.size;
    int width = channels + 2 * form.groups * form.size;
    OperationCase row =
        OperationCase.of(name(what, form))
            .input("qkv", Fill.normal(1), form.batch, form.time, width);
    if (backward) {
      row.input("dout", Fill.normal(1), form.batch, form.time, channels);
    }
    return row.body((g, o) ->
        forwardAndBackward(
            g, form, List.of(o.get("qkv"), Value.NONE), backward ? o.get("dout") : Value.NONE));
  }

  /** The backward pass reads what the forward pass left, so that both agree on the weights. */
  private static Value forwardAndBackward(
      Graph graph, Form form, List<Value> operands, Value dout) {
    Attention op = form.op(graph);
    Node forward = graph.append(op, operands);
    if (!dout.isNone()) {
      List<Value> inputs = new ArrayList<>();
      inputs.add(dout);
      inputs.addAll(forward.outputs());
      inputs.addAll(operands.subList(0, operands.size() - 1));
      graph.append(new Attention.Backward(op), inputs);
    }
    return forward.output(0);
  }

  private static void addCached(List<OperationCase> rows, String what, Form form, int... starts) {
    rows.add(cached(what, DType.F32, form, starts));
    rows.add(cached(what + " BF16", DType.BF16, form, starts));
  }

  private static OperationCase cached(String what, DType type, Form form, int... starts) {
    double[] numbers = new double[starts.length];
    for (int b = 0; b < starts.length; b++) {
      numbers[b] = starts[b];
    }
    return OperationCase.of(name(what, form))
        .input("q", Fill.normal(1), form.batch, form.time, form.heads * form.size)
        .cache("keys", type, Fill.normal(1), form.batch, form.groups, form.keys, form.size)
        .cache("values", type, Fill.normal(1), form.batch, form.groups, form.keys, form.size)
        .integers("starts", Fill.cycle(numbers), form.batch)
        .body((g, o) ->
            g.append(
                    form.op(g),
                    List.of(o.get("q"), o.get("keys"), o.get("values"), o.get("starts")))
                .output(0));
  }
}
