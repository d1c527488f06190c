package org.quern.exec;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.quern.ir.DType;

/** Weights of a model that stand in memory already, such as a mapped file; closed by its user. */
public interface WeightSource extends AutoCloseable {
  /** The type of a parameter's elements. */
  DType type(String parameter);

  /** A parameter's elements in its shape, read-only, little-endian, of any alignment. */
  MemorySegment segment(String parameter);

  /**
   * Work that together writes a parameter as F32; its pieces may run at once.
   *
   * @param target four bytes an element
   */
  List<Runnable> copy(String parameter, MemorySegment target);

  @Override
  void close();
}
