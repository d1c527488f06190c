package org.quern.ir.op;

import java.util.List;
import org.quern.ir.Cost;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.GraphException;
import org.quern.ir.Kernel;
import org.quern.ir.Node;
import org.quern.ir.Op;
import org.quern.ir.RecordWriter;
import org.quern.ir.Value;

/**
 * Writes new keys or values into the cache: {@code cache[b, g, starts[b] + t, d] = x[b, t, column +
 * g D + d]}, rounded to the nearest, ties to even, where the cache is BF16. By head, each head's
 * keys are one stretch of memory, which attention reads from end to end.
 *
 * <p>Inputs: cache {@code [B, G, S, D]} F32 or BF16, which it updates, x {@code [B, T, at least
 * column + G D]}, starts {@code [B]} I32.
 *
 * @param column the first column of x that is taken, for packed q, k, v
 */
public record CacheAppend(int column) implements Op {
  /** Appends the operation. */
  public static void apply(Graph graph, Value cache, Value x, int column, Value starts) {
    graph.append(new CacheAppend(column), List.of(cache, x, starts));
  }

  @Override
  public List<Output> outputs(List<Value> inputs) {
    Value cache = inputs.get(0);
    Value x = inputs.get(1);
    Checks.f32(this, x);
    Checks.floats(this, "the cache", cache);
    Checks.that(
        cache.shape().rank() == 4, this, "the cache must be [batch, heads, time, size]", cache);
    int channels = cache.shape().dimension(1) * cache.shape().last();
    Checks.that(
        x.shape().rank() == 3
            && x.shape().dimension(0) == cache.shape().dimension(0)
            && x.shape().last() >= column + channels,
        this,
        "x must be ["
            + cache.shape().dimension(0)
            + ", time, channels] with channels from "
            + column
            + " for "
            + channels,
        x);
    if (inputs.get(2).isNone()) {
      throw new GraphException("CacheAppend: starts must be given.");
    }
    Checks.starts(this, inputs.get(2), cache.shape().dimension(0));
    return List.of();
  }

  @Override
  public Kernel kernel() {
    return Kernel.CACHE_APPEND_F32;
  }

  @Override
  public boolean updates(int index) {
    return index == 0;
  }

  @Override
  public void lower(Node node, RecordWriter record) {
    Value cache = node.input(0);
    Value x = node.input(1);
    record.pointer(cache);
    record.pointer(x, column);
    record.pointer(node.input(2));
    record.integers(
        x.shape().dimension(0),
        x.shape().dimension(1),
        cache.shape().dimension(1),
        cache.shape().dimension(2),
        cache.shape().last(),
        x.shape().last(),
        cache.dtype() == DType.BF16 ? Attention.KEYS_BF16 : 0);
  }

  @Override
  public Cost cost(Node node) {
    Value cache = node.input(0);
    long elements =
        (long) node.input(1).shape().rows() * cache.shape().dimension(1) * cache.shape().last();
    return new Cost(0, (Float.BYTES + cache.dtype().bytes()) * elements);
  }
}
