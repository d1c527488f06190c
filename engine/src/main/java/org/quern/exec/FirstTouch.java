package org.quern.exec;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import org.quern.ir.DType;
import org.quern.ir.Parameter;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Region;

/**
 * Writes new memory of weights on the workers that read most of it later, since a system with
 * several memories places a page near the core that is first to write it. Weights are filled by any
 * thread; gradients and moments need no care, the first to write them being the kernels. A worker's
 * share is that of few rows: a part of the rows of each matrix.
 */
final class FirstTouch {
  /** A page; where pages are larger, the first worker of each places it. */
  private static final long PAGE = 4096;

  private final Workers workers;

  FirstTouch(Workers workers) {
    this.workers = workers;
  }

  /** Touches a region of a model that is new, and zero; the caller holds the lock of runs. */
  void place(Region region, MemorySegment memory, ParameterLayout layout) {
    if (region == Region.PARAMETERS && workers.count() > 1) {
      workers.onAll(worker -> touch(memory, layout, worker));
    }
  }

  private void touch(MemorySegment memory, ParameterLayout layout, int worker) {
    for (Parameter parameter : layout.parameters()) {
      long start = layout.offset(parameter.name()) * DType.F32.bytes();
      long bytes = parameter.shape().elements() * DType.F32.bytes();
      long end = start + share(bytes, worker + 1);
      for (long at = page(start + share(bytes, worker)); at < end; at += PAGE) {
        memory.set(JAVA_BYTE, at, (byte) 0);
      }
    }
  }

  private long share(long bytes, int worker) {
    return bytes / workers.count() * worker + bytes % workers.count() * worker / workers.count();
  }

  /** The first page that begins there or behind. */
  private static long page(long offset) {
    return (offset + PAGE - 1) / PAGE * PAGE;
  }
}
