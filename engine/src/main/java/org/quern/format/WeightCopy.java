package org.quern.format;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.quern.ir.DType;

/**
 * Copies tensors of a model's files as F32 on several threads: one alone spends its time on pages
 * that are touched for the first time, in the file and in the target.
 */
public final class WeightCopy {
  /** Elements of a piece; tensors are cut, since one may be half of a model. */
  private static final long PIECE = 1L << 20;

  private record Piece(DType type, MemorySegment source, MemorySegment target) {}

  private final ModelWeights weights;
  private final List<Piece> pieces = new ArrayList<>();

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
      pieces.add(
          new Piece(
              type,
              source.asSlice(first * type.bytes(), count * type.bytes()),
              target.asSlice(first * Float.BYTES, count * Float.BYTES)));
    }
  }

  /**
   * Copies all that was added and returns when it is done.
   *
   * @param threads the most threads to use, the calling one included
   */
  public void run(int threads) {
    AtomicInteger next = new AtomicInteger();
    AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    List<Thread> helpers = new ArrayList<>();
    for (int index = 1; index < Math.min(threads, pieces.size()); index++) {
      helpers.add(
          Thread.ofPlatform()
              .daemon()
              .name("quern-read-" + index)
              .start(() -> copy(next, failure)));
    }
    copy(next, failure);
    boolean interrupted = false;
    for (Thread helper : helpers) {
      while (helper.isAlive()) {
        try {
          helper.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    rethrow(failure.get());
  }

  private void copy(AtomicInteger next, AtomicReference<@Nullable Throwable> failure) {
    try {
      for (int index = next.getAndIncrement();
          index < pieces.size() && failure.get() == null;
          index = next.getAndIncrement()) {
        Piece piece = pieces.get(index);
        Conversions.toF32(piece.type(), piece.source(), piece.target());
      }
    } catch (RuntimeException | Error e) {
      failure.compareAndSet(null, e);
    }
  }

  private static void rethrow(@Nullable Throwable failure) {
    switch (failure) {
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case null, default -> {}
    }
  }
}
