package org.quern;

import java.util.List;
import org.quern.exec.Backend;
import org.quern.exec.Executable;
import org.quern.exec.LinkedMemory;
import org.quern.exec.ModelMemory;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Initializer;
import org.quern.ir.Parameter;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Shape;
import org.quern.ir.Value;
import org.quern.ir.WeightForm;
import org.quern.ir.op.Matmul;
import org.quern.memory.SlabAllocator;
import org.quern.plan.Plan;

/**
 * Times the same product on two backends, turn by turn: one of many rows, or of one, which reads
 * its weights.
 */
final class PrecisionTrial {
  /** As in GPT-2 with 256 tokens. */
  private static final int ROWS = 256;

  private static final int CHANNELS = 768;
  private static final int ROUNDS = 15;

  /** More than the caches of most machines hold in either precision. */
  private static final Shape TO_READ = Shape.of(12_288, 2048);

  private static final int ROUNDS_OF_READING = 5;

  private PrecisionTrial() {}

  /** Whether there is memory for a trial of this work. */
  static boolean fits(Backend backend, Work work) {
    SlabAllocator memory = backend.memory();
    // Weights of both backends, and a copy in BF16.
    long needed = 3 * TO_READ.elements() * Float.BYTES;
    return work == Work.TRAINING || memory.budget() - memory.allocated() >= needed;
  }

  /**
   * How many times as fast as the first backend the second is: the ratio of the best times, which
   * other work on the machine disturbs least.
   */
  static double speedup(Backend first, Backend second, Work work) {
    int rounds = work == Work.WRITING ? ROUNDS_OF_READING : ROUNDS;
    try (Product one = new Product(first, work);
        Product other = new Product(second, work)) {
      long best = Long.MAX_VALUE;
      long otherBest = Long.MAX_VALUE;
      for (int round = 0; round < rounds; round++) {
        best = Math.min(best, one.time());
        otherBest = Math.min(otherBest, other.time());
      }
      return (double) best / otherBest;
    }
  }

  private static final class Product implements AutoCloseable {
    private final ModelMemory memory;
    private final Executable program;

    Product(Backend backend, Work work) {
      Shape shape = work == Work.WRITING ? TO_READ : Shape.of(CHANNELS, CHANNELS);
      int rows = work == Work.WRITING ? 1 : ROWS;
      Parameter weight = new Parameter("weight", shape, new Initializer.Zeros());
      ParameterLayout layout = new ParameterLayout(List.of(weight));
      memory = backend.allocate("a trial", layout);
      WeightForm form = work == Work.WRITING ? backend.weightForm(memory) : WeightForm.F32;
      Graph graph = new Graph(layout, form);
      Value x = graph.input("x", DType.F32, Shape.of(rows, shape.dimension(1)));
      graph.output("y", Matmul.linear(graph, x, graph.weight("weight"), Value.NONE));
      if (form == WeightForm.ROUNDED) {
        memory.roundParameters(List.of("weight"));
      }
      program = backend.link(Plan.of(graph), LinkedMemory.of(memory));
    }

    long time() {
      long start = System.nanoTime();
      program.run();
      return System.nanoTime() - start;
    }

    @Override
    public void close() {
      program.close();
      memory.close();
    }
  }
}
