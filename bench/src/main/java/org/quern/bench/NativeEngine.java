package org.quern.bench;

import org.quern.exec.Backend;
import org.quern.exec.nativecpu.NativeKernels;
import org.quern.ir.Precision;
import org.quern.memory.SlabAllocator;

/** The native backend at its highest instruction set, with its memory. */
final class NativeEngine implements AutoCloseable {
  private final SlabAllocator allocator = new SlabAllocator(Long.MAX_VALUE);
  private final Backend backend;

  NativeEngine(int threads) {
    NativeKernels kernels = NativeKernels.find();
    backend = kernels.open(kernels.bestTier(), Precision.F32, threads, allocator);
  }

  Backend backend() {
    return backend;
  }

  @Override
  public void close() {
    backend.close();
    allocator.close();
  }
}
