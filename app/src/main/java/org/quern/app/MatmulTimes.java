package org.quern.app;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.quern.Engine;
import org.quern.exec.Executable;
import org.quern.exec.LinkedMemory;
import org.quern.exec.ModelMemory;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Region;
import org.quern.plan.Plan;

/** Times a matrix product alone, on random numbers. */
final class MatmulTimes {
  private static final int LEAST_WARMUP = 2;
  private static final int LEAST_STEPS = 5;
  private static final double SECONDS = 0.5;

  private MatmulTimes() {}

  static Times of(MatmulShape product, Engine engine, BenchOptions options) {
    ParameterLayout layout = product.layout();
    try (ModelMemory memory = engine.backend().allocate("a matrix product", layout);
        Executable program =
            engine.backend().link(Plan.of(product.graph(layout)), LinkedMemory.of(memory))) {
      SplittableRandom random = new SplittableRandom(1);
      fill(memory.segment(Region.PARAMETERS), random);
      product.inputs().forEach(input -> fill(program.input(input), random));
      return options.repetitions(LEAST_WARMUP, LEAST_STEPS, SECONDS).measure(program::run);
    }
  }

  private static void fill(MemorySegment target, SplittableRandom random) {
    for (long i = 0; i < target.byteSize() / Float.BYTES; i++) {
      target.setAtIndex(JAVA_FLOAT, i, (float) random.nextDouble() - 0.5f);
    }
  }
}
