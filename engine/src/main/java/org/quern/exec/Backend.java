package org.quern.exec;

import org.quern.ir.ParameterLayout;
import org.quern.ir.Precision;
import org.quern.ir.WeightForm;
import org.quern.memory.SlabAllocator;
import org.quern.plan.Plan;
import org.quern.profile.Profiler;
import org.quern.profile.Roofline;

/** Where programs run: memory, kernels and threads. One for each engine; thread-safe. */
public interface Backend extends AutoCloseable {
  /** The name by which it can be required: {@code native} or {@code vector}. */
  String name();

  /** The kernels' instruction set and the threads, as in {@code avx2, 2 threads}. */
  String description();

  /** The number of workers. */
  int threads();

  /** How matrix products are computed. */
  Precision precision();

  /**
   * Whether the CPU has instructions for products of BF16; else they are those of floats, rounded.
   */
  boolean multipliesBf16();

  /**
   * In what form programs that write with a model best read its matrices: as BF16 where they stand
   * in that and nobody has changed them, else in that of the precision.
   */
  WeightForm weightForm(ModelMemory memory);

  /** The memory that everything of this engine comes from. */
  SlabAllocator memory();

  /** Zeroed weights for a model; the caller closes them. */
  ModelMemory allocate(String owner, ParameterLayout layout);

  /**
   * The memory of a model whose weights are there: programs that only read them use them in place,
   * and the first that writes them makes a copy.
   *
   * @param weights all of the layout's; closed with the memory
   */
  ModelMemory allocate(String owner, ParameterLayout layout, WeightSource weights);

  /** A program ready to run; the caller closes it. */
  Executable link(Plan plan, LinkedMemory memory);

  /**
   * Times every record of every program from now on, until the profiler is closed.
   *
   * @throws ExecutionException if that is being done already
   */
  Profiler profile();

  /**
   * Measures what this machine does at most, in a second or less; takes some memory meanwhile.
   *
   * @throws org.quern.memory.MemoryException if there is none
   */
  Roofline measureRoofline();

  /** Stops the threads. What was linked cannot run any more. */
  @Override
  void close();
}
