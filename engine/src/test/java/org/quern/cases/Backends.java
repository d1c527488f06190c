package org.quern.cases;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import org.quern.exec.Backend;
import org.quern.exec.nativecpu.NativeKernels;
import org.quern.exec.nativecpu.NativeTier;
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

  private Backends() {}

  /** Each native tier up to the best that there is. */
  static List<Choice> available() {
    List<Choice> choices = new ArrayList<>();
    NativeKernels kernels = NativeKernels.find();
    if (kernels.isLoaded()) {
      for (NativeTier tier : NativeTier.values()) {
        if (tier.compareTo(kernels.bestTier()) <= 0) {
          choices.add(
              new Choice(
                  "native " + tier.text(),
                  (threads, allocator) -> kernels.open(tier, threads, allocator)));
        }
      }
    }
    return choices;
  }
}
