package org.quern;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.quern.exec.Backend;
import org.quern.exec.ExecutionException;
import org.quern.exec.nativecpu.NativeKernels;
import org.quern.exec.nativecpu.NativeTier;
import org.quern.exec.vector.VectorKernels;
import org.quern.memory.SlabAllocator;

/** Chooses the backend: native, else the Vector API; and says why. Never falls back in silence. */
final class BackendSelection {
  private final EngineOptions options;
  private final int threads;
  private final SlabAllocator allocator;
  private final List<String> reasons = new ArrayList<>();
  private Optional<String> precisionReason = Optional.empty();

  BackendSelection(EngineOptions options, int threads, SlabAllocator allocator) {
    this.options = options;
    this.threads = threads;
    this.allocator = allocator;
  }

  /** What was found about the precision, where another than F32 was asked for. */
  Optional<String> precisionReason() {
    return precisionReason;
  }

  List<String> reasons() {
    return reasons;
  }

  Backend open() {
    // A misspelt limit is no reason to fall back to another backend.
    Optional<NativeTier> limit = options.maximumTier().map(NativeTier::parse);
    PrecisionChoice precision = PrecisionChoice.parse(options.precision().orElse("f32"));
    String wanted = options.backend().orElse("");
    return switch (wanted) {
      case "" -> openBest(limit, precision);
      case "native" -> openNative(NativeKernels.find(), limit, precision);
      case "vector" -> openVector(precision);
      default ->
          throw new EngineException(
              "There is no backend named " + wanted + "; choose native or vector.");
    };
  }

  private Backend openBest(Optional<NativeTier> limit, PrecisionChoice precision) {
    NativeKernels kernels = NativeKernels.find();
    if (kernels.isLoaded()) {
      try {
        return openNative(kernels, limit, precision);
      } catch (ExecutionException e) {
        reasons.add("The backend native was refused: " + e.getMessage());
      }
    } else {
      reasons.add("The backend native was refused: " + kernels.explanation());
    }
    return openVector(precision);
  }

  private Backend openNative(
      NativeKernels kernels, Optional<NativeTier> limit, PrecisionChoice precision) {
    if (!kernels.isLoaded()) {
      throw new EngineException(
          "The backend native is required but cannot be had: " + kernels.explanation());
    }
    NativeTier best = kernels.bestTier();
    NativeTier tier = limit.filter(most -> most.ordinal() < best.ordinal()).orElse(best);
    for (NativeTier lower = tier; ; lower = NativeTier.values()[lower.ordinal() - 1]) {
      try {
        NativeTier chosen = lower;
        Backend backend =
            precision.open(
                p -> kernels.open(chosen, p, threads, allocator),
                options.work(),
                this::tellPrecision);
        reasons.add(kernels.explanation());
        reasons.add(
            lower == best
                ? kernels.tierExplanation()
                : "Its instruction set is limited to " + lower.text() + ".");
        return backend;
      } catch (ExecutionException e) {
        if (lower == NativeTier.SCALAR) {
          throw e;
        }
        reasons.add(e.getMessage());
      }
    }
  }

  private void tellPrecision(String reason) {
    precisionReason = Optional.of(reason);
    reasons.add(reason);
  }

  private Backend openVector(PrecisionChoice precision) {
    if (!VectorKernels.isAvailable()) {
      throw new EngineException(
          "No backend can be used. "
              + (reasons.isEmpty() ? "" : String.join(" ", reasons) + " ")
              + "The backend vector was refused: the module jdk.incubator.vector is not there;"
              + " start Java with --add-modules jdk.incubator.vector (the script ./quern does so where"
              + " QUERN_VECTOR=1 is set).");
    }
    if (precision == PrecisionChoice.BF16) {
      throw new EngineException(
          "The precision bf16 is required, but the backend vector computes in f32 alone; ask for f32 or"
              + " auto, or use the backend native."
              + (reasons.isEmpty() ? "" : " " + String.join(" ", reasons)));
    }
    Backend backend = VectorKernels.open(threads, allocator);
    reasons.add(VectorKernels.explanation());
    return backend;
  }
}
