package org.quern.exec.vector;

/** One operation on the CPU's vectors: the plain-Java counterpart of a native kernel. */
interface VectorKernel {
  /**
   * Does worker {@code part}'s share of a record.
   *
   * @param record address of a {@code quern_record}
   * @return a status of {@link org.quern.exec.Status}
   */
  int run(long record, int part, int parts);
}
