package org.quern.exec;

import org.quern.ir.Kernel;

/** Runs the records of a program; one implementation for each kind of kernels. Thread-safe. */
public interface Walker {
  /**
   * Runs some records as one of the program's workers; every worker makes the same call at the same
   * time, on a thread of its own.
   *
   * @param program the address of a {@code quern_program}
   * @param part the worker's number, from 0
   * @param first the first record
   * @param last one past the last record
   * @return a {@link Status}
   */
  int run(long program, int part, long first, long last);

  /**
   * Computes something small on the calling thread and compares it with what is known: an
   * instruction set that a processor reports may still not be usable on every thread.
   *
   * @param tier a {@code quern_tier}
   * @return what is wrong, as a sentence; empty where nothing is, as with kernels in Java, which
   *     run the same on every thread
   */
  default String selfTest(int tier) {
    return "";
  }

  /**
   * What the calling thread does at most of the arithmetic that a kernel is made of, in registers:
   * F32's, but for products that the tier has other instructions for.
   *
   * @param tier a {@code quern_tier}
   * @param kernel whose arithmetic
   * @param nanos about how long to measure
   * @return operations a second, a fused multiply-add counting as two
   */
  double measureArithmetic(int tier, Kernel kernel, long nanos);

  /**
   * What the calling thread reads at most.
   *
   * @param tier a {@code quern_tier}
   * @param address memory that is gone through again and again
   * @param bytes its size; more than the caches hold, for main memory
   * @param nanos about how long to measure
   * @return bytes a second
   */
  double measureReading(int tier, long address, long bytes, long nanos);

  /** Whether a tier's products of BF16 are an instruction's: not those of floats, rounded. */
  default boolean multipliesBf16(int tier) {
    return false;
  }

  /** Whether products and embeddings read weights that are stored as BF16. */
  default boolean readsBf16() {
    return false;
  }

  /** How long the measuring has to run before it is at its speed: code that is compiled late. */
  default long warmUpNanos() {
    return 0;
  }

  /** What went wrong in the last run on this thread, as a sentence; empty where nothing did. */
  String failure();
}
