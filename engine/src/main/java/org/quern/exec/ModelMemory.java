package org.quern.exec;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.quern.ir.Graph;
import org.quern.ir.Node;
import org.quern.ir.Parameter;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Region;
import org.quern.ir.Value;
import org.quern.memory.ParallelTasks;
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
  private final FirstTouch firstTouch;
  private final int threads;
  private final Map<Region, Slab> slabs = new EnumMap<>(Region.class);
  private volatile @Nullable SourcedWeights sourced;
  private final AtomicInteger placement = new AtomicInteger();
  private volatile boolean roundedIsCurrent;

  /** Whose copies in {@link Region#BF16_PARAMETERS} are current. */
  private volatile @Nullable Graph trained;

  private volatile boolean closed;

  ModelMemory(
      RunLock lock,
      SlabAllocator allocator,
      FirstTouch firstTouch,
      String owner,
      ParameterLayout layout,
      int threads) {
    this.lock = lock;
    this.firstTouch = firstTouch;
    this.threads = threads;
    this.allocator = allocator;
    this.owner = owner;
    this.layout = layout;
    allocate(Region.PARAMETERS);
  }

  /** Weights that are used where the source has them, as long as nobody wants to change them. */
  ModelMemory(
      RunLock lock,
      SlabAllocator allocator,
      FirstTouch firstTouch,
      String owner,
      ParameterLayout layout,
      int threads,
      WeightSource source) {
    this.lock = lock;
    this.firstTouch = firstTouch;
    this.threads = threads;
    this.allocator = allocator;
    this.owner = owner;
    this.layout = layout;
    sourced = new SourcedWeights(allocator, owner, layout, source, threads);
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
        Slab slab =
            allocator.allocate(what + " of " + owner, layout.elements() * region.dtype().bytes());
        slabs.put(region, slab);
        firstTouch.place(region, slab.segment(), layout);
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
      copyWeights();
      parametersChange();
    }
    return linked(region);
  }

  /**
   * Copies weights that are used where their file is mapped, so that they can be changed; does
   * nothing if that was done. Programs find the copy at their next run.
   *
   * @throws org.quern.memory.MemoryException if there is not enough memory; nothing changes then
   */
  public void copyWeights() {
    if (sourced == null) {
      return;
    }
    lock.run(() -> {
      SourcedWeights weights = sourced;
      if (weights != null) {
        allocate(Region.PARAMETERS);
        weights.copyTo(linked(Region.PARAMETERS));
        sourced = null;
        roundedIsCurrent = false;
        placement.incrementAndGet();
        weights.close();
      }
    });
  }

  /** A parameter's weights, F32 in its shape, for reading; they may move when they are changed. */
  public MemorySegment weights(String name) {
    // Held throughout: another thread may be copying them.
    lock.acquire();
    try {
      checkOpen();
      SourcedWeights weights = sourced;
      if (weights == null) {
        return part(linked(Region.PARAMETERS), Region.PARAMETERS, name).asReadOnly();
      }
      SourcedWeights.Form form = new SourcedWeights.Form(Region.PARAMETERS, name);
      weights.place(List.of(form));
      return weights.segment(form).asReadOnly();
    } finally {
      lock.release();
    }
  }

  /** Whether all matrices stand in BF16 as kernels read them, unchanged. */
  boolean isBf16() {
    SourcedWeights weights = sourced;
    return weights != null && weights.isBf16();
  }

  /**
   * Keeps others from changing weights, and from running programs, until {@link #release} is called
   * as often by the same thread.
   */
  public void hold() {
    lock.acquire();
  }

  /** Ends {@link #hold}. */
  public void release() {
    lock.release();
  }

  /** Changes whenever weights have moved, and programs have to be told where to. */
  int placement() {
    return placement.get();
  }

  /** Sees to it that all a program uses of the model is there. */
  void require(Graph graph) {
    lock.run(() -> {
      checkOpen();
      if (writesParameters(graph)) {
        copyWeights();
      }
      SourcedWeights weights = sourced;
      List<SourcedWeights.Form> forms = new ArrayList<>();
      for (Value value : graph.values()) {
        if (weights != null && isWeight(value.region())) {
          forms.add(new SourcedWeights.Form(value.region(), value.name()));
        } else if (value.region().isModel()) {
          allocate(value.region());
        }
      }
      if (weights != null) {
        weights.place(forms);
      }
    });
  }

  private static boolean isWeight(Region region) {
    return region == Region.PARAMETERS || region == Region.ROUNDED_PARAMETERS;
  }

  private boolean writesParameters(Graph graph) {
    for (Node node : graph.nodes()) {
      for (int index = 0; index < node.inputs().size(); index++) {
        if (node.op().updates(index) && node.input(index).region() == Region.PARAMETERS) {
          return true;
        }
      }
    }
    // All of the region at once is only there in one piece.
    return graph.values().stream()
        .anyMatch(value -> isWeight(value.region()) && !layout.contains(value.name()));
  }

  /**
   * Where a value of a linked program stands.
   *
   * @param offset of its first byte in its region
   */
  MemorySegment place(Value value, long offset) {
    SourcedWeights weights = sourced;
    if (weights != null && isWeight(value.region())) {
      return weights.segment(new SourcedWeights.Form(value.region(), value.name()));
    }
    return linked(value.region()).asSlice(offset, value.bytes());
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

  private void parametersChange() {
    roundedIsCurrent = false;
    trained = null;
  }

  /** To be called before a program changes parameters, and with them its own copies in BF16. */
  void parametersChange(Graph program) {
    roundedIsCurrent = false;
    if (trained != program) {
      trained = null;
    }
  }

  /**
   * Makes sure that these parameters in {@link Region#BF16_PARAMETERS} are those in {@link
   * Region#PARAMETERS} rounded. Does nothing, and allocates nothing, where no other than this
   * program can have changed them.
   */
  void roundFor(Graph program, List<String> names) {
    if (!names.isEmpty() && trained != program) {
      lock.run(() -> {
        trained = program;
        List<Runnable> pieces = new ArrayList<>();
        for (String name : names) {
          MemorySegment to = part(linked(Region.BF16_PARAMETERS), Region.BF16_PARAMETERS, name);
          pieces.addAll(Rounding.inOrder(weights(name), to));
        }
        ParallelTasks.run(pieces, threads);
      });
    }
  }

  /**
   * Makes sure that these parameters in {@link Region#ROUNDED_PARAMETERS} are those in {@link
   * Region#PARAMETERS} rounded. Always of the same ones; does nothing, and allocates nothing,
   * unless they may have changed.
   */
  public void roundParameters(List<String> names) {
    if (!roundedIsCurrent && sourced == null) {
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
      pieces.addAll(Rounding.pieces(layout.parameter(name), from, to));
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
      SourcedWeights weights = sourced;
      if (weights != null) {
        weights.close();
      }
    });
  }
}
