package org.quern.model;

import java.util.List;
import org.quern.ir.Graph;
import org.quern.ir.Shape;
import org.quern.ir.Value;
import org.quern.ir.op.Attention;
import org.quern.ir.op.CacheAppend;

/** Causal attention of a layer, over the sequence itself or over a cache that it extends. */
final class SelfAttention {
  private final int heads;
  private final int groups;
  private final int headSize;
  private final int window;
  private final float scale;
  private final float dropout;

  SelfAttention(int heads, int groups, int headSize, int window, float scale, float dropout) {
    this.heads = heads;
    this.groups = groups;
    this.headSize = headSize;
    this.window = window;
    this.scale = scale;
    this.dropout = dropout;
  }

  /** Attention of q, k, v in one tensor {@code [B, T, (H + 2G) D]}. */
  Value packed(Pass pass, String layer, Value qkv) {
    if (!pass.isCached()) {
      return pass.graph().append(attention(pass, true), List.of(qkv, Value.NONE)).output(0);
    }
    int queryChannels = heads * headSize;
    int keyChannels = groups * headSize;
    Value keys = cache(pass, layer + ".keys");
    Value values = cache(pass, layer + ".values");
    CacheAppend.apply(pass.graph(), keys, qkv, queryChannels, pass.starts());
    CacheAppend.apply(pass.graph(), values, qkv, queryChannels + keyChannels, pass.starts());
    return overCache(pass, qkv, keys, values);
  }

  /** Attention of q {@code [B, T, H D]} over k and v {@code [B, T, G D]}. */
  Value separate(Pass pass, String layer, Value q, Value k, Value v) {
    if (!pass.isCached()) {
      return pass.graph().append(attention(pass, false), List.of(q, k, v, Value.NONE)).output(0);
    }
    Value keys = cache(pass, layer + ".keys");
    Value values = cache(pass, layer + ".values");
    CacheAppend.apply(pass.graph(), keys, k, 0, pass.starts());
    CacheAppend.apply(pass.graph(), values, v, 0, pass.starts());
    return overCache(pass, q, keys, values);
  }

  private Value overCache(Pass pass, Value q, Value keys, Value values) {
    return pass.graph()
        .append(attention(pass, false), List.of(q, keys, values, pass.starts()))
        .output(0);
  }

  private Value cache(Pass pass, String name) {
    Shape shape = Shape.of(pass.batch(), groups, pass.capacity(), headSize);
    return pass.graph().cache(name, pass.cacheType(), shape);
  }

  private Attention attention(Pass pass, boolean packed) {
    Graph graph = pass.graph();
    float probability = pass.dropout(dropout);
    int stream = probability > 0 ? graph.nextStream() : 0;
    return new Attention(heads, groups, headSize, true, window, scale, probability, stream, packed);
  }
}
