package org.quern;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.quern.exec.nativecpu.NativeKernels;
import org.quern.exec.nativecpu.NativeTier;
import org.quern.exec.vector.VectorKernels;

/** The engines that this machine can open, one for each backend and tier. */
public final class TestEngines {
  private static final long BUDGET = 512L << 20;

  /**
   * A kind of engine.
   *
   * @param name for reports
   * @param options with two threads and a bounded budget
   */
  public record Kind(String name, EngineOptions options) {
    /** A new engine of this kind. */
    public Engine open() {
      return Engine.open(options);
    }

    /** A new engine of this kind with a number of threads. */
    public Engine open(int threads) {
      return Engine.open(options.withThreads(threads));
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private TestEngines() {}

  /** Each native tier up to the best that there is, and the Vector API. */
  public static List<Kind> all() {
    List<Kind> kinds = new ArrayList<>();
    NativeKernels kernels = NativeKernels.find();
    if (kernels.isLoaded()) {
      for (NativeTier tier : kernels.tiers()) {
        kinds.add(
            new Kind("native " + tier.text(), options("native").withMaximumTier(tier.text())));
      }
    }
    if (VectorKernels.isAvailable()) {
      kinds.add(new Kind("vector", options("vector")));
    }
    return kinds;
  }

  /** The best native tier, if there is one, and the Vector API. */
  public static List<Kind> backends() {
    List<Kind> kinds = new ArrayList<>();
    if (NativeKernels.find().isLoaded()) {
      kinds.add(new Kind("native", options("native")));
    }
    if (VectorKernels.isAvailable()) {
      kinds.add(new Kind("vector", options("vector")));
    }
    return kinds;
  }

  /** The best backend. */
  public static Kind best() {
    return backends().getFirst();
  }

  private static EngineOptions options(String backend) {
    return EngineOptions.defaults().requireBackend(backend).withThreads(2).withMemoryBudget(BUDGET);
  }

  /** A folder of the reference inputs; the calling test is skipped where they are absent. */
  public static Path shared(String name) {
    Path path = Path.of(System.getProperty("quern.shared", "../shared")).resolve(name);
    Assumptions.assumeTrue(Files.exists(path), "skipped: the reference inputs are not at " + path);
    return path;
  }
}
