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
import org.quern.ir.op.Matmul;
import org.quern.plan.Plan;

/** Times the same product on two backends, turn by turn. */
final class PrecisionTrial {
  /** As in GPT-2 with 256 tokens. */
  private static final int ROWS = 256;

  private static final int CHANNELS = 768;
  private static final int ROUNDS = 15;

  private PrecisionTrial() {}

  /**
   * How many times as fast as the first backend the second is: the ratio of the best times, which
   * other work on the machine disturbs least.
   */
  static double speedup(Backend first, Backend second) {
    try (Product one = new Product(first);
        Product other = new Product(second)) {
      long best = Long.MAX_VALUE;
      long otherBest = Long.MAX_VALUE;
      for (int round = 0; round < ROUNDS; round++) {
        best = Math.min(best, one.time());
        otherBest = Math.min(otherBest, other.time());
      }
      return (double) best / otherBest;
    }
  }

  private static final class Product implements AutoCloseable {
    private final ModelMemory memory;
    private final Executable program;

    Product(Backend backend) {
      Shape square = Shape.of(CHANNELS, CHANNELS);
      Parameter weight = new Parameter("weight", square, new Initializer.Zeros());
      Graph graph = new Graph(new ParameterLayout(List.of(weight)));
      Value x = graph.input("x", DType.F32, Shape.of(ROWS, CHANNELS));
      graph.output("y", Matmul.linear(graph, x, graph.parameter("weight"), Value.NONE));
      memory = backend.allocate("a trial", graph.layout());
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
