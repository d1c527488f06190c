package org.quern.exec;

import java.util.Optional;
import org.quern.memory.Slab;

/**
 * The memory that a program works on besides its own.
 *
 * @param model weights and, for training, gradients and moments
 * @param cache keys and values, for generation; laid out by the same batch and capacity in every
 *     program that shares it
 * @param activations memory for activations that is shared with programs that never run at once and
 *     is large enough for each; empty for the program's own
 */
public record LinkedMemory(ModelMemory model, Optional<Slab> cache, Optional<Slab> activations) {
  /** The model's memory alone. */
  public static LinkedMemory of(ModelMemory model) {
    return new LinkedMemory(model, Optional.empty(), Optional.empty());
  }
}
