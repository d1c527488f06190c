package org.quern.cases;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.quern.exec.Backend;
import org.quern.exec.CpuBackend;
import org.quern.exec.nativecpu.NativeKernels;
import org.quern.exec.nativecpu.NativeTier;
import org.quern.exec.vector.VectorWalker;
import org.quern.ir.Precision;
import org.quern.memory.SlabAllocator;

/** Every backend and tier that this machine can run. */
final class Backends {
  /** A backend that can be opened with any number of threads. */
  record Choice(String name, BiFunction<Integer, SlabAllocator, Backend> opener) {
    Backend open(int threads) {
      return opener.apply(threads, new SlabAllocator(Long.MAX_VALUE));
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private static final String LIBRARY = "quern.native.library";
  private static final String EMULATED = " emulated";

  private Backends() {}

  /** The Vector API, each native tier up to the best that there is, and the emulated one. */
  static List<Choice> available() {
    List<Choice> choices = new ArrayList<>();
    NativeKernels kernels = NativeKernels.find();
    if (kernels.isLoaded()) {
      for (NativeTier tier : kernels.tiers()) {
        choices.add(choice("native " + tier.text(), kernels, tier));
      }
      if (kernels.bestTier().compareTo(NativeTier.AVX512) < 0) {
        emulated()
            .ifPresent(emulated ->
                choices.add(choice("native avx512" + EMULATED, emulated, NativeTier.AVX512)));
      }
    }
    choices.add(
        new Choice(
            "vector",
            (threads, allocator) ->
                new CpuBackend(
                    "vector",
                    VectorWalker.lanes() + " lanes",
                    NativeTier.SCALAR.ordinal(),
                    Precision.F32,
                    new VectorWalker(),
                    threads,
                    allocator)));
    return choices;
  }

  /** Those fast enough for a thousand steps: all but the emulated one. */
  static List<Choice> quick() {
    return available().stream().filter(choice -> !choice.name().endsWith(EMULATED)).toList();
  }

  /** The best native tier with products in BF16, which no F32 reference is a measure of. */
  static List<Choice> rounding() {
    NativeKernels kernels = NativeKernels.find();
    if (!kernels.isLoaded()) {
      return List.of();
    }
    NativeTier best = kernels.bestTier();
    return List.of(choice("native " + best.text() + " bf16", kernels, best, Precision.BF16));
  }

  private static Choice choice(String name, NativeKernels kernels, NativeTier tier) {
    return choice(name, kernels, tier, Precision.F32);
  }

  private static Choice choice(
      String name, NativeKernels kernels, NativeTier tier, Precision precision) {
    return new Choice(
        name, (threads, allocator) -> kernels.open(tier, precision, threads, allocator));
  }

  /**
   * The library of {@code make emulated}, whose widest tier runs on any CPU, unless it is stale.
   */
  private static Optional<NativeKernels> emulated() {
    Path folder =
        Path.of(System.getProperty("basedir", "")).toAbsolutePath().resolveSibling("native");
    Path library = folder.resolve("target/emulated/libquern.so");
    if (!Files.exists(library) || modified(library) < newestSource(folder.resolve("src"))) {
      return Optional.empty();
    }
    System.setProperty(LIBRARY, library.toString());
    try {
      return Optional.of(NativeKernels.find()).filter(NativeKernels::isLoaded);
    } finally {
      System.clearProperty(LIBRARY);
    }
  }

  private static long newestSource(Path folder) {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(Files::isRegularFile).mapToLong(Backends::modified).max().orElse(0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static long modified(Path file) {
    try {
      return Files.getLastModifiedTime(file).toMillis();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
