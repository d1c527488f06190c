package org.quern.ir.op;

import java.util.List;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Node;
import org.quern.ir.Shape;
import org.quern.ir.Value;

/**
 * The cross-entropy of a language model's head: {@code CrossEntropy.loss(x weight^T, labels)}
 * without ever holding all logits. It goes by chunks, each a few nodes that leave their logits in
 * the same memory.
 *
 * <p>The loss alone goes by chunks of rows and of the vocabulary. Where gradients are wanted,
 * chunks are of rows, and the gradients are made of a chunk's logits while those are there (Hsu et
 * al. 2024, "Liger Kernel"): softmax's gradient needs the sum over all of the vocabulary first, so
 * that chunks of it would have each logit computed twice, a fourth product the size of the other
 * three.
 */
public final class LinearCrossEntropy {
  /**
   * Fewer rows than a product sums up in one go (BLOCK_DEPTH of the kernels) make each chunk read
   * and write the weight's gradient, and pack the weight, for too little work.
   */
  private static final int LEAST_ROWS = 256;

  /** Logits of a small vocabulary stay in cache by more rows than that. */
  private static final long CHUNK_BYTES = 16L << 20;

  /** Rows of a chunk of the vocabulary: each chunk of rows reads the whole weight. */
  private static final int MOST_ROWS = 512;

  /** Logits of a chunk of the vocabulary. */
  private static final int MOST_LOGITS = 2 << 20;

  private static final int LEAST_CLASSES = 4096;

  /** However few the rows, a large vocabulary's logits are never all there. */
  private static final int MOST_CLASSES = 16384;

  private LinearCrossEntropy() {}

  /**
   * Appends the loss alone: a scalar, as that of {@link CrossEntropy#loss}. It cannot be
   * differentiated.
   *
   * @param x {@code [..., C]}
   * @param weight {@code [V, C]}
   * @param labels I32, one for each row of x
   */
  public static Value loss(Graph graph, Value x, Value weight, Value labels) {
    int all = Math.max(1, x.shape().rows());
    int rows = Math.ceilDiv(all, Math.ceilDiv(all, MOST_ROWS));
    return loss(graph, x, weight, labels, rows, classes(rows));
  }

  /** As above, with at most {@code rows} rows and {@code classes} classes in a chunk. */
  public static Value loss(
      Graph graph, Value x, Value weight, Value labels, int rows, int classes) {
    Value losses = losses(graph, x);
    int channels = x.shape().last();
    int vocabulary = weight.shape().dimension(0);
    for (int row = 0; row < x.shape().rows(); row += rows) {
      int count = Math.min(rows, x.shape().rows() - row);
      Value part = x.slice((long) row * channels, Shape.of(count, channels));
      Value own = labels.slice(row, Shape.of(count));
      Value state = Value.NONE;
      for (int first = 0; first < vocabulary; first += classes) {
        int width = Math.min(classes, vocabulary - first);
        Value head = weight.slice((long) first * channels, Shape.of(width, channels));
        Value logits = Matmul.linear(graph, part, head, Value.NONE);
        Value into = first + width == vocabulary ? losses.slice(row, Shape.of(count)) : Value.NONE;
        state =
            graph
                .append(
                    new CrossEntropy.Chunk(first, vocabulary),
                    first == 0 ? List.of(logits, own) : List.of(logits, own, state),
                    List.of(Value.NONE, into))
                .output(0);
      }
    }
    return graph.apply(new CrossEntropy.Sum(), losses);
  }

  /**
   * Appends the loss and, with it, its gradients: that of the weight is added to its accumulator,
   * and that of x is where {@link Graph#differentiate} begins.
   *
   * @param x {@code [..., C]}
   * @param weight a parameter, {@code [V, C]}
   * @param labels I32, one for each row of x
   */
  public static Value lossAndGradients(Graph graph, Value x, Value weight, Value labels) {
    return lossAndGradients(graph, x, weight, labels, chunk(x, weight));
  }

  /** As above, with at most {@code rows} rows in a chunk. */
  public static Value lossAndGradients(Graph graph, Value x, Value weight, Value labels, int rows) {
    Value accumulator = graph.gradient(weight);
    Value losses = losses(graph, x);
    Value gradient = graph.activation("gradient of " + x.name(), DType.F32, x.shape());
    int channels = x.shape().last();
    for (int first = 0; first < x.shape().rows(); first += rows) {
      int count = Math.min(rows, x.shape().rows() - first);
      long start = (long) first * channels;
      Shape shape = Shape.of(count, channels);
      Value part = x.slice(start, shape);
      Value logits = Matmul.linear(graph, part, weight, Value.NONE);
      Node loss =
          graph.append(
              new CrossEntropy.WithGradient(),
              List.of(logits, labels.slice(first, Shape.of(count))),
              List.of(losses.slice(first, Shape.of(count)), Value.NONE));
      Value dlogits = loss.output(1);
      graph.append(new Matmul.WeightGradient(true), List.of(dlogits, part, accumulator));
      graph.append(
          new Matmul.InputGradient(true),
          List.of(dlogits, weight),
          List.of(gradient.slice(start, shape)));
    }
    return graph.apply(new CrossEntropy.Sum(), losses, x, gradient);
  }

  private static Value losses(Graph graph, Value x) {
    return graph.activation("losses", DType.F32, Shape.of(x.shape().rows()));
  }

  /** How many classes a chunk has. */
  private static int classes(int rows) {
    return Math.clamp(MOST_LOGITS / rows, LEAST_CLASSES, MOST_CLASSES);
  }

  /** How many rows a chunk has that makes gradients: all chunks about as many. */
  private static int chunk(Value x, Value weight) {
    int rows = Math.max(1, x.shape().rows());
    long most = CHUNK_BYTES / (Float.BYTES * Math.max(1L, weight.shape().dimension(0)));
    int chunks = Math.toIntExact(Math.ceilDiv(rows, Math.max(LEAST_ROWS, most)));
    return Math.ceilDiv(rows, chunks);
  }
}
