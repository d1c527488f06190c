package org.quern;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.quern.exec.ModelMemory;
import org.quern.ir.Initializer;
import org.quern.ir.Parameter;
import org.quern.ir.Region;

/** The weights of a new model: each parameter's from the seed and its own name. */
final class Initialization {
  private Initialization() {}

  static void fill(ModelMemory memory, long seed) {
    for (Parameter parameter : memory.layout().parameters()) {
      MemorySegment target = memory.segment(Region.PARAMETERS, parameter.name());
      switch (parameter.initializer()) {
        case Initializer.Zeros zeros -> target.fill((byte) 0);
        case Initializer.Ones ones -> fillOnes(target);
        case Initializer.Normal normal ->
            fillNormal(
                target,
                normal.standardDeviation(),
                new SplittableRandom(seed * 0x9E3779B97F4A7C15L + parameter.name().hashCode()));
      }
    }
  }

  private static void fillOnes(MemorySegment target) {
    for (long offset = 0; offset < target.byteSize(); offset += Float.BYTES) {
      target.set(JAVA_FLOAT, offset, 1);
    }
  }

  private static void fillNormal(
      MemorySegment target, float standardDeviation, SplittableRandom random) {
    for (long offset = 0; offset < target.byteSize(); offset += Float.BYTES) {
      target.set(JAVA_FLOAT, offset, (float) (standardDeviation * random.nextGaussian()));
    }
  }
}
