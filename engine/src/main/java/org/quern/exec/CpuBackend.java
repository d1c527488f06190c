package org.quern.exec;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Precision;
import org.quern.ir.WeightForm;
import org.quern.memory.Slab;
import org.quern.memory.SlabAllocator;
import org.quern.plan.Plan;
import org.quern.profile.Profiler;
import org.quern.profile.Roofline;

/** A backend whose kernels run on this machine's cores: the walker says which kernels. */
public final class CpuBackend implements Backend {
  private static final int MOST_THREADS = 1024;

  private final String name;
  private final String tierName;
  private final int tier;
  private final Precision precision;
  private final Walker walker;
  private final SlabAllocator allocator;
  private final Workers workers;
  private final FirstTouch firstTouch;
  private final Slab work;
  private final RunLock lock = new RunLock();
  private final AtomicReference<@Nullable StepBlock> running = new AtomicReference<>();
  private final AtomicReference<@Nullable Profiler> profiler = new AtomicReference<>();
  private volatile boolean closing;
  private boolean closed;

  /**
   * Starts the threads and tests the kernels on each.
   *
   * @param name the backend's name
   * @param tierName the instruction set, for messages
   * @param tier the instruction set's number in {@code quern_tier}
   * @param precision how products are computed
   * @param walker the kernels
   * @param threads the number of workers, the calling thread included
   * @param allocator the engine's memory
   * @throws ExecutionException if the kernels compute wrongly on a thread
   */
  public CpuBackend(
      String name,
      String tierName,
      int tier,
      Precision precision,
      Walker walker,
      int threads,
      SlabAllocator allocator) {
    requireThreads(threads);
    this.name = name;
    this.tierName = tierName;
    this.tier = tier;
    this.precision = precision;
    this.walker = walker;
    this.allocator = allocator;
    this.work = allocator.allocate("workers' scratch", threads * ProgramLayout.WORK_BYTES);
    this.workers = new Workers(walker, threads);
    firstTouch = new FirstTouch(workers);
    String wrong = workers.selfTest(tier);
    if (!wrong.isEmpty()) {
      close();
      throw new ExecutionException(
          "The kernels for " + tierName + " cannot be used: " + wrong + ".");
    }
  }

  /**
   * Refuses a number of workers that no backend takes.
   *
   * @throws ExecutionException unless it is from 1 to 1024
   */
  public static void requireThreads(int threads) {
    if (threads < 1 || threads > MOST_THREADS) {
      throw new ExecutionException(
          "The number of threads is " + threads + "; choose one from 1 to " + MOST_THREADS + ".");
    }
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public String description() {
    return tierName + ", " + threads() + (threads() == 1 ? " thread" : " threads");
  }

  @Override
  public int threads() {
    return workers.count();
  }

  @Override
  public Precision precision() {
    return precision;
  }

  @Override
  public boolean multipliesBf16() {
    return walker.multipliesBf16(tier);
  }

  @Override
  public WeightForm weightForm(ModelMemory memory) {
    return walker.readsBf16() && memory.isBf16() ? WeightForm.BF16 : precision.weights();
  }

  @Override
  public SlabAllocator memory() {
    return allocator;
  }

  @Override
  public ModelMemory allocate(String owner, ParameterLayout layout) {
    return new ModelMemory(lock, allocator, firstTouch, owner, layout, threads());
  }

  @Override
  public ModelMemory allocate(String owner, ParameterLayout layout, WeightSource weights) {
    return new ModelMemory(lock, allocator, firstTouch, owner, layout, threads(), weights);
  }

  @Override
  public Executable link(Plan plan, LinkedMemory memory) {
    try {
      return new CpuExecutable(this, plan, memory);
    } catch (IllegalStateException e) {
      // Memory that goes away under the linker says only that it is closed.
      checkOpen();
      throw e;
    }
  }

  @Override
  public Profiler profile() {
    Profiler[] made = new Profiler[1];
    made[0] = new Profiler(threads(), () -> profiler.compareAndSet(made[0], null));
    if (!profiler.compareAndSet(null, made[0])) {
      throw new ExecutionException("The engine is being profiled already; close that profiler.");
    }
    return made[0];
  }

  @Nullable Profiler profiler() {
    return profiler.get();
  }

  @Override
  public Roofline measureRoofline() {
    lock.acquire();
    try {
      checkOpen();
      return new RooflineMeasurement(walker, workers, tier, precision).measure(tierName, allocator);
    } finally {
      lock.release();
    }
  }

  /** How fast the workers read these weights; the caller holds the lock. */
  OptionalDouble measureReading(List<MemorySegment> weights) {
    return new WeightReading(walker, workers, tier).measure(weights);
  }

  RunLock lock() {
    return lock;
  }

  Workers workers() {
    return workers;
  }

  int tier() {
    return tier;
  }

  long workAddress() {
    return work.address();
  }

  void checkOpen() {
    if (closing) {
      throw new ExecutionException("The engine is closed; open another.");
    }
  }

  void begin(StepBlock step) {
    running.set(step);
  }

  void end() {
    running.set(null);
  }

  /** Ends a run in progress, then stops the threads. A second call does nothing. */
  @Override
  public void close() {
    // Runs that wait for the lock must not begin any more, so this comes first.
    closing = true;
    StepBlock current = running.get();
    if (current != null) {
      current.cancel();
    }
    lock.run(() -> {
      if (!closed) {
        closed = true;
        workers.close();
        work.close();
      }
    });
  }
}
