package org.quern;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.quern.exec.WeightSource;
import org.quern.format.WeightCopy;
import org.quern.ir.DType;
import org.quern.ir.Parameter;
import org.quern.ir.ParameterLayout;
import org.quern.memory.Bytes;
import org.quern.memory.ParallelTasks;
import org.quern.memory.Slab;
import org.quern.memory.SlabAllocator;

/**
 * A model's weights in memory of their own, in BF16 or F32 each: what is BF16 is not kept twice.
 */
final class HeldWeights implements WeightSource {
  private record Held(DType type, MemorySegment segment) {}

  private final Map<String, Held> weights = new LinkedHashMap<>();
  private final Slab slab;

  private HeldWeights(
      SlabAllocator allocator,
      String owner,
      ParameterLayout layout,
      Function<Parameter, DType> typeOf) {
    long bytes = 0;
    for (Parameter parameter : layout.parameters()) {
      bytes += space(parameter, typeOf.apply(parameter));
    }
    slab = allocator.allocate("weights of " + owner, bytes);
    long offset = 0;
    for (Parameter parameter : layout.parameters()) {
      DType type = typeOf.apply(parameter);
      long size = parameter.shape().elements() * type.bytes();
      weights.put(parameter.name(), new Held(type, slab.segment().asSlice(offset, size)));
      offset += space(parameter, type);
    }
  }

  private static long space(Parameter parameter, DType type) {
    return Bytes.align(parameter.shape().elements() * type.bytes(), SlabAllocator.ALIGNMENT);
  }

  /**
   * A copy of all weights of a source: in BF16 what it has in that, the others in F32.
   *
   * @throws org.quern.memory.MemoryException if there is not enough memory
   */
  static HeldWeights copyOf(
      WeightSource source,
      SlabAllocator allocator,
      String owner,
      ParameterLayout layout,
      int threads) {
    HeldWeights copy =
        new HeldWeights(
            allocator,
            owner,
            layout,
            parameter -> source.type(parameter.name()) == DType.BF16 ? DType.BF16 : DType.F32);
    List<Runnable> pieces = new ArrayList<>();
    copy.weights.forEach((name, held) ->
        pieces.addAll(
            held.type() == DType.F32
                ? source.copy(name, held.segment())
                : WeightCopy.unchanged(source.segment(name), held.segment())));
    return copy.filledBy(pieces, threads);
  }

  /**
   * The weights that a new model begins with, rounded to BF16.
   *
   * @throws org.quern.memory.MemoryException if there is not enough memory
   */
  static HeldWeights initial(
      long seed, SlabAllocator allocator, String owner, ParameterLayout layout, int threads) {
    HeldWeights initial = new HeldWeights(allocator, owner, layout, parameter -> DType.BF16);
    List<Runnable> pieces = new ArrayList<>();
    for (Parameter parameter : layout.parameters()) {
      MemorySegment target = initial.segment(parameter.name());
      pieces.add(() -> Initialization.fill(parameter, seed, DType.BF16, target));
    }
    return initial.filledBy(pieces, threads);
  }

  private HeldWeights filledBy(List<Runnable> pieces, int threads) {
    try {
      ParallelTasks.run(pieces, threads);
      return this;
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private Held held(String parameter) {
    Held held = weights.get(parameter);
    if (held == null) {
      throw new IllegalArgumentException("There is no parameter " + parameter + ".");
    }
    return held;
  }

  @Override
  public DType type(String parameter) {
    return held(parameter).type();
  }

  @Override
  public MemorySegment segment(String parameter) {
    return held(parameter).segment();
  }

  @Override
  public List<Runnable> copy(String parameter, MemorySegment target) {
    Held held = held(parameter);
    return WeightCopy.toF32(held.type(), held.segment(), target);
  }

  @Override
  public void close() {
    slab.close();
  }
}
