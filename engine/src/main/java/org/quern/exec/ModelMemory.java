package org.quern.exec;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.quern.ir.Parameter;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Region;
import org.quern.memory.BFloat16;
import org.quern.memory.ParallelTasks;
import org.quern.memory.Slab;
import org.quern.memory.SlabAllocator;

/**
 * The weights of a model and, once it is trained, their gradients and the optimizer's moments; each
 * region a slab in the same layout. Closing waits for a run in progress.
 */
public final class ModelMemory implements AutoCloseable {
  /** What one thread rounds at a time. */
  private static final long PIECE_BYTES = 1L << 20;

  private final RunLock lock;
  private final SlabAllocator allocator;
  private final String owner;
  private final ParameterLayout layout;
  private final int threads;
  private final Map<Region, Slab> slabs = new EnumMap<>(Region.class);
  private volatile boolean roundedIsCurrent;
  private volatile boolean closed;

  ModelMemory(
      RunLock lock, SlabAllocator allocator, String owner, ParameterLayout layout, int threads) {
    this.lock = lock;
    this.threads = threads;
    this.allocator = allocator;
    this.owner = owner;
    this.layout = layout;
    allocate(Region.PARAMETERS);
  }

  /** The place of each parameter. */
  public ParameterLayout layout() {
    return layout;
  }

  /**
   * Makes sure that a region is there, zeroed if it is new.
   *
   * @throws org.quern.memory.MemoryException if there is not enough memory
   */
  public void allocate(Region region) {
    lock.run(() -> {
      checkOpen();
      if (!slabs.containsKey(region)) {
        String what = region.name().toLowerCase(java.util.Locale.ROOT).replace('_', ' ');
        slabs.put(
            region,
            allocator.allocate(what + " of " + owner, layout.elements() * region.dtype().bytes()));
      }
    });
  }

  /** Whether a region has been allocated. */
  public boolean has(Region region) {
    return slabs.containsKey(region);
  }

  /** The size of a region, gaps included; 0 where it has not been allocated. */
  public long bytes(Region region) {
    Slab slab = slabs.get(region);
    return slab == null ? 0 : slab.bytes();
  }

  /**
   * All of a region, gaps included. Who writes parameters asks for them anew each time, which is
   * how rounded copies of them come to be made again.
   */
  public MemorySegment segment(Region region) {
    if (region == Region.PARAMETERS) {
      parametersChange();
    }
    return linked(region);
  }

  /** A region, for a program that says itself when it changes parameters. */
  MemorySegment linked(Region region) {
    checkOpen();
    Slab slab = slabs.get(region);
    if (slab == null) {
      // Another thread may have closed it since.
      checkOpen();
      throw new ExecutionException("The model " + owner + " has no " + region + " yet.");
    }
    return slab.segment();
  }

  /** The part of a region that belongs to a parameter; see {@link #segment(Region)}. */
  public MemorySegment segment(Region region, String name) {
    return part(segment(region), region, name);
  }

  private MemorySegment part(MemorySegment all, Region region, String name) {
    Parameter parameter = layout.parameter(name);
    return all.asSlice(
        layout.offset(name) * region.dtype().bytes(),
        parameter.shape().elements() * region.dtype().bytes());
  }

  void parametersChange() {
    roundedIsCurrent = false;
  }

  /**
   * Makes sure that these parameters in {@link Region#ROUNDED_PARAMETERS} are those in {@link
   * Region#PARAMETERS} rounded. Always of the same ones; does nothing, and allocates nothing,
   * unless they may have changed.
   */
  public void roundParameters(List<String> names) {
    if (!roundedIsCurrent) {
      allocate(Region.ROUNDED_PARAMETERS);
      lock.run(() -> round(names));
    }
  }

  private void round(List<String> names) {
    roundedIsCurrent = true;
    MemorySegment parameters = linked(Region.PARAMETERS);
    MemorySegment rounded = linked(Region.ROUNDED_PARAMETERS);
    List<Runnable> pieces = new ArrayList<>();
    for (String name : names) {
      MemorySegment from = part(parameters, Region.PARAMETERS, name);
      MemorySegment to = part(rounded, Region.ROUNDED_PARAMETERS, name);
      for (long first = 0; first < to.byteSize(); first += PIECE_BYTES) {
        long bytes = Math.min(PIECE_BYTES, to.byteSize() - first);
        MemorySegment floats = from.asSlice(2 * first, 2 * bytes);
        MemorySegment target = to.asSlice(first, bytes);
        pieces.add(() -> BFloat16.round(floats, target));
      }
    }
    ParallelTasks.run(pieces, threads);
  }

  /** Whether the memory is still there. */
  public boolean isOpen() {
    return !closed;
  }

  private void checkOpen() {
    if (closed) {
      throw new ExecutionException("The model " + owner + " is closed; load or create it again.");
    }
  }

  /** Gives the memory back, after a run in progress. A second call does nothing. */
  @Override
  public void close() {
    lock.run(() -> {
      closed = true;
      slabs.values().forEach(Slab::close);
      slabs.clear();
    });
  }
}
