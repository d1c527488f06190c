package org.quern.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Gives out slabs within a budget and knows which are open. Thread-safe; one for each engine. */
public final class SlabAllocator implements AutoCloseable {
  /** The alignment of every slab and of every tensor in one, in bytes: a cache line. */
  public static final long ALIGNMENT = 64;

  private final long budget;
  private final Optional<Pages> pages = Pages.find();
  private final Set<Slab> open = new LinkedHashSet<>();
  private long allocated;
  private boolean closed;

  /**
   * An allocator that never has more than {@code budget} bytes open at once; {@link Long#MAX_VALUE}
   * leaves the limit to the machine.
   */
  public SlabAllocator(long budget) {
    if (budget <= 0) {
      throw new MemoryException(
          "The memory budget is " + budget + " bytes; give a positive number of bytes.");
    }
    this.budget = budget;
  }

  /** The most bytes that may be open at once. */
  public long budget() {
    return budget;
  }

  /** Bytes open now. */
  public synchronized long allocated() {
    return allocated;
  }

  /** What is open now: owner and size of each slab, oldest first. */
  public synchronized List<String> openSlabs() {
    return open.stream().map(slab -> slab.owner() + ": " + Bytes.toString(slab.bytes())).toList();
  }

  /**
   * A zeroed slab.
   *
   * @param owner what it is for, for messages
   * @param bytes its size; zero is taken for one cache line
   * @throws MemoryException if the budget or the machine's free memory is too small: nothing is
   *     taken then
   */
  public synchronized Slab allocate(String owner, long bytes) {
    if (closed) {
      throw new MemoryException("The engine is closed; open another to allocate " + owner + ".");
    }
    long needed = Bytes.align(Math.max(bytes, 1), ALIGNMENT);
    if (needed > budget - allocated) {
      throw new MemoryException(
          "The "
              + owner
              + " would need "
              + Bytes.toString(needed)
              + ", but of the budget of "
              + Bytes.toString(budget)
              + " only "
              + Bytes.toString(budget - allocated)
              + " is left; raise the budget or choose a smaller model, batch or context.");
    }
    long available = AvailableMemory.bytes();
    if (needed > available) {
      throw new MemoryException(
          "The "
              + owner
              + " would need "
              + Bytes.toString(needed)
              + ", but only "
              + Bytes.toString(available)
              + " of memory is free; choose a smaller model, batch or context.");
    }
    Arena arena = Arena.ofShared();
    MemorySegment segment;
    try {
      segment = map(needed, arena);
    } catch (OutOfMemoryError e) {
      arena.close();
      throw new MemoryException(
          "The machine refused "
              + Bytes.toString(needed)
              + " for the "
              + owner
              + "; choose a smaller model, batch or context.");
    }
    Slab slab = new Slab(this, owner, arena, segment);
    open.add(slab);
    allocated += needed;
    return slab;
  }

  private MemorySegment map(long bytes, Arena arena) {
    if (pages.isEmpty()) {
      return arena.allocate(bytes, ALIGNMENT);
    }
    return pages
        .get()
        .allocate(bytes, arena)
        .orElseThrow(() -> new OutOfMemoryError("mmap refused " + bytes + " bytes"));
  }

  void guard(MemorySegment range) {
    if (pages.isEmpty() || !pages.get().forbid(range)) {
      throw new MemoryException("This system cannot protect pages; run without guard pages.");
    }
  }

  synchronized void release(Slab slab) {
    if (open.remove(slab)) {
      allocated -= slab.bytes();
    }
  }

  /** Refuses further slabs and closes those still open. */
  @Override
  public void close() {
    List<Slab> left;
    synchronized (this) {
      closed = true;
      left = List.copyOf(open);
    }
    left.forEach(Slab::close);
  }
}
