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

  /** What went wrong in the last run on this thread, as a sentence; empty where nothing did. */
  String failure();
}
