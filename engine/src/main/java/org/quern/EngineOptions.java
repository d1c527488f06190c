package org.quern;

import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * What may be asked of an engine; everything has a default. Each can also be set by a system
 * property or an environment variable, which the options override.
 *
 * @param backend the backend that must be used ({@code native}, {@code vector}), or none for the
 *     best there is; {@code quern.backend}, {@code QUERN_BACKEND}
 * @param maximumTier the highest instruction set to use ({@code scalar}, {@code avx2}, {@code
 *     avx2_vnni}, {@code avx512}, {@code avx512_vnni}, {@code avx512_bf16}, {@code amx}); {@code
 *     quern.max.isa}, {@code QUERN_MAX_ISA}
 * @param precision in what matrix products are computed: {@code f32}, which is the default; {@code
 *     bf16}; or {@code auto}, for BF16 where a trial of the {@code work} shows it to be at least
 *     1.1 times as fast, else F32; {@code quern.precision}, {@code QUERN_PRECISION}
 * @param threads the number of workers; by default the processors that the process may use, a
 *     container's quota respected; {@code quern.threads}, {@code QUERN_THREADS}
 * @param memoryBudget the most bytes to allocate off the heap; {@code quern.memory}, {@code
 *     QUERN_MEMORY}, with K, M, G for powers of 1024
 * @param mapWeights whether weights of a loaded model are used where its file is mapped, if they
 *     have the type that is wanted there, until something changes them; {@code quern.map}, {@code
 *     QUERN_MAP}: {@code on}, which is the default, or {@code off}, which copies them, in BF16
 *     where file and engine have that. A file that is shortened in place while it is mapped ends
 *     the process; one that is replaced does not matter
 * @param work what the engine is for: {@code auto} measures that in either precision
 */
public record EngineOptions(
    Optional<String> backend,
    Optional<String> maximumTier,
    Optional<String> precision,
    OptionalInt threads,
    OptionalLong memoryBudget,
    boolean mapWeights,
    Work work) {

  /** Nothing asked for but what system properties and environment say. */
  public static EngineOptions defaults() {
    return new EngineOptions(
        setting("quern.backend"),
        setting("quern.max.isa"),
        setting("quern.precision"),
        setting("quern.threads")
            .map(text -> OptionalInt.of(parseThreads(text)))
            .orElse(OptionalInt.empty()),
        setting("quern.memory")
            .map(text -> OptionalLong.of(parseBytes(text)))
            .orElse(OptionalLong.empty()),
        setting("quern.map").map(EngineOptions::parseSwitch).orElse(true),
        Work.TRAINING);
  }

  /** These options with a backend that must be used: opening fails where it cannot be. */
  public EngineOptions requireBackend(String name) {
    return new EngineOptions(
        Optional.of(name), maximumTier, precision, threads, memoryBudget, mapWeights, work);
  }

  /** These options with a limit to the instruction set. */
  public EngineOptions withMaximumTier(String tier) {
    return new EngineOptions(
        backend, Optional.of(tier), precision, threads, memoryBudget, mapWeights, work);
  }

  /** These options with matrix products computed in {@code f32}, {@code bf16}, or {@code auto}. */
  public EngineOptions withPrecision(String name) {
    return new EngineOptions(
        backend, maximumTier, Optional.of(name), threads, memoryBudget, mapWeights, work);
  }

  /** These options with a number of workers. */
  public EngineOptions withThreads(int count) {
    return new EngineOptions(
        backend, maximumTier, precision, OptionalInt.of(count), memoryBudget, mapWeights, work);
  }

  /** These options with a limit to the memory, in bytes. */
  public EngineOptions withMemoryBudget(long bytes) {
    return new EngineOptions(
        backend, maximumTier, precision, threads, OptionalLong.of(bytes), mapWeights, work);
  }

  /** These options with weights mapped where they can be, or always copied. */
  public EngineOptions withMappedWeights(boolean map) {
    return new EngineOptions(backend, maximumTier, precision, threads, memoryBudget, map, work);
  }

  /** These options with what the engine is for. */
  public EngineOptions withWork(Work wanted) {
    return new EngineOptions(
        backend, maximumTier, precision, threads, memoryBudget, mapWeights, wanted);
  }

  private static Optional<String> setting(String property) {
    String value = System.getProperty(property);
    if (value == null) {
      value = System.getenv(property.toUpperCase(Locale.ROOT).replace('.', '_'));
    }
    return Optional.ofNullable(value).map(String::strip).filter(text -> !text.isEmpty());
  }

  private static boolean parseSwitch(String text) {
    return switch (text.toLowerCase(Locale.ROOT)) {
      case "on" -> true;
      case "off" -> false;
      default ->
          throw new EngineException("Mapping of weights is given as " + text + "; give on or off.");
    };
  }

  private static int parseThreads(String text) {
    if (!text.matches("[0-9]{1,4}")) {
      throw new EngineException(
          "The number of threads is given as " + text + "; give a whole number such as 2.");
    }
    return Integer.parseInt(text);
  }

  /** A size such as {@code 512M} or {@code 8G} in bytes. */
  public static long parseBytes(String text) {
    String upper = text.strip().toUpperCase(Locale.ROOT);
    if (!upper.matches("[0-9]{1,12}[KMGT]?")) {
      throw new EngineException(
          "The memory is given as " + text + "; give a size such as 512M or 8G.");
    }
    int power = "KMGT".indexOf(upper.charAt(upper.length() - 1)) + 1;
    String digits = power > 0 ? upper.substring(0, upper.length() - 1) : upper;
    try {
      return Math.multiplyExact(Long.parseLong(digits), 1L << (10 * power));
    } catch (ArithmeticException e) {
      throw new EngineException("The memory " + text + " is more than any machine has.");
    }
  }
}
