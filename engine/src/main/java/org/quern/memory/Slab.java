package org.quern.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A block of off-heap memory with one owner, who closes it. Zeroed; aligned to 64 bytes at least,
 * and to a huge page where it is larger than a few. A segment that is read from Java after the
 * close throws; native code must not be running on it then, which is the owner's care.
 */
public final class Slab implements AutoCloseable {
  private final SlabAllocator allocator;
  private final String owner;
  private final Arena arena;
  private final MemorySegment segment;
  private final AtomicBoolean closed = new AtomicBoolean();

  Slab(SlabAllocator allocator, String owner, Arena arena, MemorySegment segment) {
    this.allocator = allocator;
    this.owner = owner;
    this.arena = arena;
    this.segment = segment;
  }

  /** What the memory is for, as in {@code parameters of gpt2}. */
  public String owner() {
    return owner;
  }

  /** All of the memory. */
  public MemorySegment segment() {
    return segment;
  }

  /** The address of the first byte. */
  public long address() {
    return segment.address();
  }

  /** The size in bytes. */
  public long bytes() {
    return segment.byteSize();
  }

  /**
   * Makes whole pages raise a fault when touched; for finding kernels that reach beyond an operand.
   *
   * @param offset a multiple of the page size from the start
   * @param bytes a multiple of the page size
   */
  public void guard(long offset, long bytes) {
    allocator.guard(segment.asSlice(offset, bytes));
  }

  /** Gives the memory back. A second call does nothing. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      allocator.release(this);
      arena.close();
    }
  }
}
