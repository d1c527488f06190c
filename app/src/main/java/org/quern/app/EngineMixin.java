package org.quern.app;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.quern.Engine;
import org.quern.EngineOptions;
import picocli.CommandLine.Option;

/** The options of every command that computes. */
final class EngineMixin {
  @Option(
      names = "--backend",
      paramLabel = "NAME",
      description =
          "Use this backend or fail: native or vector (default: native, else vector;"
              + " QUERN_BACKEND).")
  private @Nullable String backend;

  @Option(
      names = "--max-isa",
      paramLabel = "TIER",
      description = "Highest instruction set: scalar, avx2 or avx512 (QUERN_MAX_ISA).")
  private @Nullable String maximumTier;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads (default: the processors of this process; QUERN_THREADS).")
  private @Nullable Integer threads;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      description = "Most memory off the heap, such as 8G (default: what is free; QUERN_MEMORY).")
  private @Nullable String memory;

  /** These options, and what they leave open as in the others. */
  EngineMixin or(EngineMixin other) {
    EngineMixin merged = new EngineMixin();
    merged.backend = backend == null ? other.backend : backend;
    merged.maximumTier = maximumTier == null ? other.maximumTier : maximumTier;
    merged.threads = threads == null ? other.threads : threads;
    merged.memory = memory == null ? other.memory : memory;
    return merged;
  }

  EngineOptions options() {
    EngineOptions options = EngineOptions.defaults();
    String name = backend;
    if (name != null) {
      options = options.requireBackend(name);
    }
    String tier = maximumTier;
    if (tier != null) {
      options = options.withMaximumTier(tier);
    }
    Integer count = threads;
    if (count != null) {
      options = options.withThreads(count);
    }
    Optional<String> size = Optional.ofNullable(memory);
    return size.isEmpty()
        ? options
        : options.withMemoryBudget(EngineOptions.parseBytes(size.get()));
  }

  Engine open() {
    return Engine.open(options());
  }
}
