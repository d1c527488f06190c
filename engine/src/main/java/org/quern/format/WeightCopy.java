package org.quern.format;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.quern.ir.DType;
import org.quern.memory.ParallelTasks;

/** Copies tensors of a model's files as F32 on several threads. */
public final class WeightCopy {
  /** Elements of a piece; tensors are cut, since one may be half of a model. */
  private static final long PIECE = 1L << 20;

  private final ModelWeights weights;
  private final List<Runnable> pieces = new ArrayList<>();

  /** A copy from these files, which stay open until it has run. */
  public WeightCopy(ModelWeights weights) {
    this.weights = weights;
  }

  /**
   * Adds a tensor.
   *
   * @param target four bytes an element
   * @throws FormatException if there is no such tensor
   */
  public void add(String name, MemorySegment target) {
    DType type = weights.tensor(name).dtype();
    MemorySegment source = weights.segment(name);
    long elements = target.byteSize() / Float.BYTES;
    for (long first = 0; first < elements; first += PIECE) {
      long count = Math.min(PIECE, elements - first);
      MemorySegment from = source.asSlice(first * type.bytes(), count * type.bytes());
      MemorySegment to = target.asSlice(first * Float.BYTES, count * Float.BYTES);
      pieces.add(() -> Conversions.toF32(type, from, to));
    }
  }

  /**
   * Copies all that was added and returns when it is done.
   *
   * @param threads the most threads to use, the calling one included
   */
  public void run(int threads) {
    ParallelTasks.run(pieces, threads);
  }
}
