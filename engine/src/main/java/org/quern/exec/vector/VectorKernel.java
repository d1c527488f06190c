package org.quern.exec.vector;

/** One operation on the CPU's vectors: the plain-Java counterpart of a native kernel. */
interface VectorKernel {
  /**
   * Does worker {@code part}'s share of a record.
   *
   * @param record what to do it with
   * @return a status of {@link org.quern.exec.Status}
   */
  int run(ProgramRecord record, int part, int parts);
}
