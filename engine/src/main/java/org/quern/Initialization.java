package org.quern;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.quern.exec.ModelMemory;
import org.quern.format.Conversions;
import org.quern.ir.DType;
import org.quern.ir.Initializer;
import org.quern.ir.Parameter;
import org.quern.ir.Region;
import org.quern.memory.ParallelTasks;

/** Weights of a new model: each parameter's from the seed and its own name. */
final class Initialization {
  /** Elements that are made at a time. */
  private static final int CHUNK = 1 << 14;

  private Initialization() {}

  static void fill(ModelMemory memory, long seed, int threads) {
    List<Runnable> pieces = new ArrayList<>();
    for (Parameter parameter : memory.layout().parameters()) {
      MemorySegment target = memory.segment(Region.PARAMETERS, parameter.name());
      pieces.add(() -> fill(parameter, seed, DType.F32, target));
    }
    ParallelTasks.run(pieces, threads);
  }

  /** Writes a parameter's first weights, rounded to a type of floating-point numbers. */
  static void fill(Parameter parameter, long seed, DType type, MemorySegment target) {
    SplittableRandom random =
        new SplittableRandom(seed * 0x9E3779B97F4A7C15L + parameter.name().hashCode());
    float[] values = new float[CHUNK];
    MemorySegment made = MemorySegment.ofArray(values);
    long elements = parameter.shape().elements();
    for (long first = 0; first < elements; first += CHUNK) {
      long count = Math.min(CHUNK, elements - first);
      switch (parameter.initializer()) {
        case Initializer.Zeros zeros -> Arrays.fill(values, 0);
        case Initializer.Ones ones -> Arrays.fill(values, 1);
        case Initializer.Normal normal -> {
          for (int i = 0; i < count; i++) {
            values[i] = (float) (normal.standardDeviation() * random.nextGaussian());
          }
        }
      }
      Conversions.fromF32(
          type,
          made.asSlice(0, count * Float.BYTES),
          target.asSlice(first * type.bytes(), count * type.bytes()));
    }
  }
}
