package org.quern.exec.nativecpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.quern.bindings.NativeLibrary;
import org.quern.bindings.NativeLibrarySpec;
import org.quern.bindings.quern.quern_h;
import org.quern.exec.Backend;
import org.quern.exec.CpuBackend;
import org.quern.exec.ExecutionException;
import org.quern.ir.Kernel;
import org.quern.ir.Precision;
import org.quern.memory.SlabAllocator;

/**
 * The kernels in C, if the library can be loaded and fits. Looking for it starts no thread and
 * takes no memory but the library's own.
 */
public final class NativeKernels {
  private static final int ABI_VERSION = 12;

  private final Optional<quern_h> library;
  private final String explanation;
  private final List<String> attempts;

  private NativeKernels(Optional<quern_h> library, String explanation, List<String> attempts) {
    this.library = library;
    this.explanation = explanation;
    this.attempts = attempts;
  }

  /** Looks for the library and checks that it is the one that this engine was built with. */
  public static NativeKernels find() {
    NativeLibrary.Result result =
        NativeLibrary.find(
            NativeLibrarySpec.of("quern", NativeKernels.class.getClassLoader())
                .requiring(quern_h.symbols()));
    // No switch: Java would write a class for it, at every start.
    return result instanceof NativeLibrary.Loaded loaded
        ? check(loaded)
        : new NativeKernels(Optional.empty(), result.explanation(), texts(result.attempts()));
  }

  private static NativeKernels check(NativeLibrary.Loaded loaded) {
    List<String> attempts = texts(loaded.attempts());
    quern_h library = new quern_h(loaded.lookup());
    if (library.quern_abi_version() != ABI_VERSION) {
      return new NativeKernels(
          Optional.empty(),
          "The native library has interface version "
              + library.quern_abi_version()
              + ", but this engine needs "
              + ABI_VERSION
              + "; use the library of this release.",
          attempts);
    }
    List<String> kernels = new ArrayList<>();
    for (int index = 0; index < library.quern_kernel_count(); index++) {
      kernels.add(library.quern_kernel_name(index).getString(0));
    }
    List<String> expected =
        Arrays.stream(Kernel.values()).map(k -> k.name().toLowerCase(Locale.ROOT)).toList();
    if (!kernels.equals(expected)) {
      return new NativeKernels(
          Optional.empty(),
          "The native library has other kernels than this engine; use the library of this release.",
          attempts);
    }
    return new NativeKernels(Optional.of(library), loaded.explanation(), attempts);
  }

  private static List<String> texts(List<NativeLibrary.Attempt> attempts) {
    return attempts.stream().map(NativeLibrary.Attempt::toString).toList();
  }

  /** Whether the library can be used. */
  public boolean isLoaded() {
    return library.isPresent();
  }

  /** A sentence: where the library was found, or why not and what to do. */
  public String explanation() {
    return explanation;
  }

  /** Each place that was tried, with what came of it. */
  public List<String> attempts() {
    return attempts;
  }

  /** The library's version and compiler. */
  public String version() {
    return loaded().quern_version().getString(0);
  }

  /** The highest instruction set that library, processor, operating system and settings allow. */
  public NativeTier bestTier() {
    int tier = loaded().quern_cpu_tier();
    return NativeTier.values()[Math.clamp(tier, 0, NativeTier.values().length - 1)];
  }

  /** Those up to the highest that this processor computes rightly with, in rising order. */
  public List<NativeTier> tiers() {
    NativeTier best = bestTier();
    return Arrays.stream(NativeTier.values())
        .filter(tier -> tier.compareTo(best) <= 0 && loaded().quern_tier_check(tier.ordinal()) != 0)
        .toList();
  }

  /** Why there is no higher instruction set, as a sentence. */
  public String tierExplanation() {
    return loaded().quern_cpu_explanation().getString(0);
  }

  /**
   * Starts the backend {@code native}.
   *
   * @throws ExecutionException if the tier is not to be had here, or computes wrongly on a thread
   */
  public Backend open(NativeTier tier, Precision precision, int threads, SlabAllocator allocator) {
    quern_h kernels = loaded();
    if (tier.ordinal() > bestTier().ordinal()) {
      throw new ExecutionException(
          "The instruction set " + tier.text() + " cannot be used here: " + tierExplanation());
    }
    return new CpuBackend(
        "native",
        tier.text(),
        tier.ordinal(),
        precision,
        new NativeWalker(kernels),
        threads,
        allocator);
  }

  private quern_h loaded() {
    return library.orElseThrow(() -> new ExecutionException(explanation));
  }
}
