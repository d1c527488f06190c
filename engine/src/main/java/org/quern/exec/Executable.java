package org.quern.exec;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.OptionalDouble;
import org.quern.plan.Plan;

/**
 * A program with its memory, ready to run as often as wanted. Running allocates nothing.
 * Thread-safe in that runs and the close wait for each other.
 */
public interface Executable extends AutoCloseable {
  /** What was linked. */
  Plan plan();

  /** What to set before a run and read after it. */
  StepBlock step();

  /** The memory of an input, to write before a run. */
  MemorySegment input(String name);

  /** The memory of an output, to read after a run and before the next. */
  MemorySegment output(String name);

  /**
   * Runs all records.
   *
   * @throws CancelledException if {@link StepBlock#cancel} was called
   * @throws ExecutionException if an id or label is out of range, or something was closed
   */
  void run();

  /**
   * Runs the program again without the optimizer, a record at a time, and looks for the first
   * result that is not finite.
   *
   * @return the parameter, or the operation and what it made; empty if everything is finite
   */
  Optional<String> findNonfinite();

  /**
   * Measures how fast all workers together read the weights that the program multiplies by, without
   * arithmetic: what the products of a token come up against. Memory is not as fast in every place
   * of a machine, so that it can be another rate than that of {@link Backend#measureRoofline}.
   *
   * @return bytes a second; empty if the weights that stand together are too few to tell
   * @throws ExecutionException if something was closed
   */
  OptionalDouble measureReading();

  /** Gives the memory back, after a run in progress. A second call does nothing. */
  @Override
  void close();
}
