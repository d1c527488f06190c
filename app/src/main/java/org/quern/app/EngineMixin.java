package org.quern.app;

import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.quern.Engine;
import org.quern.EngineDescription;
import org.quern.EngineOptions;
import org.quern.Work;
import picocli.CommandLine.Option;

/** The options of every command that computes. */
final class EngineMixin {
  private static final int MOST_THREADS = 1024;

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
      description =
          "Highest instruction set: scalar, avx2, avx2_vnni, avx512, avx512_vnni, avx512_bf16 or amx"
              + " (QUERN_MAX_ISA).")
  private @Nullable String maximumTier;

  @Option(
      names = "--precision",
      paramLabel = "NAME",
      description =
          "Compute matrix products in f32, bf16, or auto: bf16 if a trial shows it to be 1.1 times as fast (default: f32;"
              + " QUERN_PRECISION).")
  private @Nullable String precision;

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

  @Option(
      names = "--no-map",
      description =
          "Copy a model's weights into memory, where by default its file is mapped (QUERN_MAP=off).")
  private boolean noMap;

  /** These options, and what they leave open as in the others. */
  EngineMixin or(EngineMixin other) {
    EngineMixin merged = new EngineMixin();
    merged.backend = backend == null ? other.backend : backend;
    merged.maximumTier = maximumTier == null ? other.maximumTier : maximumTier;
    merged.precision = precision == null ? other.precision : precision;
    merged.threads = threads == null ? other.threads : threads;
    merged.memory = memory == null ? other.memory : memory;
    merged.noMap = noMap || other.noMap;
    return merged;
  }

  /** Sets an option of one value from plain text; whether that is known and plain. */
  boolean set(String name, String value) {
    switch (name) {
      case "--backend" -> backend = value;
      case "--max-isa" -> maximumTier = value;
      case "--precision" -> precision = value;
      case "--threads" -> {
        if (!PlainCall.isWhole(value)) {
          return false;
        }
        threads = Integer.valueOf(value);
      }
      default -> {
        return false;
      }
    }
    return true;
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
    String products = precision;
    if (products != null) {
      options = options.withPrecision(products);
    }
    Integer count = threads;
    if (count != null) {
      if (count < 1 || count > MOST_THREADS) {
        throw new AppException(
            "The number of threads is " + count + "; choose one from 1 to " + MOST_THREADS + ".");
      }
      options = options.withThreads(count);
    }
    if (noMap) {
      options = options.withMappedWeights(false);
    }
    Optional<String> size = Optional.ofNullable(memory);
    return size.isEmpty()
        ? options
        : options.withMemoryBudget(EngineOptions.parseBytes(size.get()));
  }

  Engine open() {
    return Engine.open(options());
  }

  /** An engine to write with. */
  Engine openForWriting() {
    return Engine.open(options().withWork(Work.WRITING));
  }

  /** What was chosen, and why if it is not the best there could be. */
  static String chosen(Engine engine) {
    EngineDescription description = engine.describe();
    return description.backend().equals("native")
        ? String.format(
                Locale.ROOT,
                "Engine: native (%s, %s, threads: %d); 'quern doctor' tells why.",
                description.tier(),
                description.precision(),
                description.threads())
            + description
                .precisionReason()
                .map(reason -> System.lineSeparator() + reason)
                .orElse("")
        : description.summary();
  }
}
