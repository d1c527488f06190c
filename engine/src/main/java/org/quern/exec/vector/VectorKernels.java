package org.quern.exec.vector;

import org.quern.exec.Backend;
import org.quern.exec.CpuBackend;
import org.quern.ir.Precision;
import org.quern.memory.SlabAllocator;

/** The kernels in plain Java, if the Vector API is there. */
public final class VectorKernels {
  private static final String MODULE = "jdk.incubator.vector";

  private VectorKernels() {}

  /** Whether Java was started with the Vector API's module. */
  public static boolean isAvailable() {
    return ModuleLayer.boot().findModule(MODULE).isPresent();
  }

  /** What the kernels run with, as a sentence. */
  public static String explanation() {
    return "The kernels are Java code on the Vector API with "
        + VectorWalker.lanes() * Float.SIZE
        + "-bit vectors.";
  }

  /** Starts the backend {@code vector}. */
  public static Backend open(int threads, SlabAllocator allocator) {
    String tier = VectorWalker.lanes() * Float.SIZE + "-bit";
    return new CpuBackend("vector", tier, 0, Precision.F32, new VectorWalker(), threads, allocator);
  }
}
