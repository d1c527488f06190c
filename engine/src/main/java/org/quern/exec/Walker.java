package org.quern.exec;

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

  /** What went wrong in the last run on this thread, as a sentence; empty where nothing did. */
  String failure();
}
