package org.quern.exec;

import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;
import org.quern.ir.Parameter;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Region;
import org.quern.memory.Slab;
import org.quern.memory.SlabAllocator;

/**
 * The weights of a model and, once it is trained, their gradients and the optimizer's moments; each
 * region a slab in the same layout. Closing waits for a run in progress.
 */
public final class ModelMemory implements AutoCloseable {
  private final RunLock lock;
  private final SlabAllocator allocator;
  private final String owner;
  private final ParameterLayout layout;
  private final Map<Region, Slab> slabs = new EnumMap<>(Region.class);
  private volatile boolean closed;

  ModelMemory(RunLock lock, SlabAllocator allocator, String owner, ParameterLayout layout) {
    this.lock = lock;
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

  /** All of a region, gaps included. */
  public MemorySegment segment(Region region) {
    checkOpen();
    Slab slab = slabs.get(region);
    if (slab == null) {
      // Another thread may have closed it since.
      checkOpen();
      throw new ExecutionException("The model " + owner + " has no " + region + " yet.");
    }
    return slab.segment();
  }

  /** The part of a region that belongs to a parameter. */
  public MemorySegment segment(Region region, String name) {
    Parameter parameter = layout.parameter(name);
    return segment(region)
        .asSlice(
            layout.offset(name) * region.dtype().bytes(),
            parameter.shape().elements() * region.dtype().bytes());
  }

  /**
   * Rounds the matrices among the parameters, as they are now, into {@link
   * Region#ROUNDED_PARAMETERS}.
   */
  public void roundParameters() {
    allocate(Region.ROUNDED_PARAMETERS);
    lock.run(() ->
        layout.parameters().parallelStream()
            .filter(parameter -> parameter.shape().rank() > 1)
            .forEach(parameter ->
                Rounding.toBf16(
                    segment(Region.PARAMETERS, parameter.name()),
                    segment(Region.ROUNDED_PARAMETERS, parameter.name()))));
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
