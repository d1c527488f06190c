package org.quern.model;

import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Shape;
import org.quern.ir.Value;
import org.quern.ir.op.Embedding;

/**
 * What a graph is built for: its inputs, and whether it trains or goes on from a cache.
 *
 * @param graph the graph that is appended to
 * @param ids token ids, I32 {@code [batch, time]}
 * @param starts the position of each sequence's first token, I32 {@code [batch]}; none without a
 *     cache, where it is zero
 * @param capacity positions that the cache holds; 0 for no cache
 * @param lastRows with a cache and more than one token, which of the {@code batch * time} rows to
 *     predict after, I32 {@code [batch, 1]}; else none
 * @param cacheType in what type the cache keeps keys and values: F32 or BF16
 * @param training whether dropout applies
 */
public record Pass(
    Graph graph,
    Value ids,
    Value starts,
    Value lastRows,
    int capacity,
    DType cacheType,
    boolean training) {
  /** The name of the ids among a graph's inputs. */
  public static final String IDS = "ids";

  /** The name of the starts among a graph's inputs. */
  public static final String STARTS = "starts";

  /** The name of the rows to predict after among a graph's inputs. */
  public static final String LAST_ROWS = "last_rows";

  /** A pass over whole sequences. */
  public static Pass full(Graph graph, int batch, int time, boolean training) {
    Value ids = graph.input(IDS, DType.I32, Shape.of(batch, time));
    return new Pass(graph, ids, Value.NONE, Value.NONE, 0, DType.F32, training);
  }

  /** A pass that continues sequences whose keys and values are in the cache. */
  public static Pass cached(Graph graph, int batch, int time, int capacity, DType cacheType) {
    Value ids = graph.input(IDS, DType.I32, Shape.of(batch, time));
    Value starts = graph.input(STARTS, DType.I32, Shape.of(batch));
    Value lastRows = time > 1 ? graph.input(LAST_ROWS, DType.I32, Shape.of(batch, 1)) : Value.NONE;
    return new Pass(graph, ids, starts, lastRows, capacity, cacheType, false);
  }

  /** How many sequences. */
  public int batch() {
    return ids.shape().dimension(0);
  }

  /** How many tokens of each. */
  public int time() {
    return ids.shape().dimension(1);
  }

  /**
   * The rows that the result depends on, once every layer has the keys and values that it keeps:
   * those to predict after, {@code [batch, 1, channels]}, or all.
   *
   * @param x {@code [batch, time, channels]}
   */
  public Value wanted(Value x) {
    if (lastRows.isNone()) {
      return x;
    }
    Value table = x.view(batch() * time(), x.shape().last());
    return Embedding.apply(graph, lastRows, table, Value.NONE, Value.NONE);
  }

  /** Whether keys and values are kept. */
  public boolean isCached() {
    return capacity > 0;
  }

  /** One past the last position that the pass can see. */
  public int positions() {
    return isCached() ? capacity : time();
  }

  /** A dropout probability: zero unless training. */
  public float dropout(float probability) {
    return training ? probability : 0;
  }
}
