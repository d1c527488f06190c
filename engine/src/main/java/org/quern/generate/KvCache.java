package org.quern.generate;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.quern.ir.Region;
import org.quern.ir.Value;
import org.quern.memory.Slab;
import org.quern.memory.SlabAllocator;
import org.quern.plan.Plan;

/**
 * Keys and values of past tokens: for each layer two tensors {@code [batch, heads, capacity, head
 * size]}, F32, or BF16 where products are computed in that, which the programs of a {@link Decoder}
 * read and extend. Belongs to its decoder.
 */
public final class KvCache {
  private record Tensor(MemorySegment memory, int batch, int heads, long rowBytes) {
    /** The bytes of one sequence's head. */
    long headBytes() {
      return memory.byteSize() / batch / heads;
    }
  }

  private final List<Tensor> tensors;
  private final SlabAllocator allocator;
  private final long bytes;
  private Optional<Slab> scratch = Optional.empty();

  KvCache(Plan plan, MemorySegment slab, SlabAllocator allocator) {
    this.allocator = allocator;
    this.bytes = plan.bytes(Region.CACHE);
    tensors =
        plan.graph().values().stream()
            .filter(value -> value.region() == Region.CACHE)
            .map(value -> tensor(plan, value, slab))
            .toList();
  }

  private static Tensor tensor(Plan plan, Value value, MemorySegment slab) {
    return new Tensor(
        slab.asSlice(plan.offset(value), value.bytes()),
        value.shape().dimension(0),
        value.shape().dimension(1),
        (long) value.shape().last() * value.dtype().bytes());
  }

  /** The size in bytes. */
  public long bytes() {
    return bytes;
  }

  /**
   * Makes sequence i go on from what was sequence {@code parents[i]}.
   *
   * @param parents for each sequence the one that it follows
   * @param length tokens in the cache
   */
  void reorder(int[] parents, int length) {
    boolean same = true;
    for (int index = 0; index < parents.length; index++) {
      same &= parents[index] == index;
    }
    if (same) {
      return;
    }
    MemorySegment copy = scratch().segment();
    for (Tensor tensor : tensors) {
      long used = length * tensor.rowBytes();
      int heads = tensor.heads();
      for (int index = 0; index < tensor.batch() * heads; index++) {
        long from = ((long) parents[index / heads] * heads + index % heads) * tensor.headBytes();
        MemorySegment.copy(tensor.memory(), from, copy, index * used, used);
      }
      for (int index = 0; index < tensor.batch() * heads; index++) {
        MemorySegment.copy(copy, index * used, tensor.memory(), index * tensor.headBytes(), used);
      }
    }
  }

  private Slab scratch() {
    if (scratch.isEmpty()) {
      long most = tensors.stream().mapToLong(tensor -> tensor.memory().byteSize()).max().orElse(1);
      scratch = Optional.of(allocator.allocate("copies of keys and values", most));
    }
    return scratch.get();
  }

  void close() {
    scratch.ifPresent(Slab::close);
    scratch = Optional.empty();
  }
}
