package org.quern;

import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import org.quern.exec.Backend;
import org.quern.exec.Executable;
import org.quern.exec.LinkedMemory;
import org.quern.exec.ModelMemory;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Initializer;
import org.quern.ir.Parameter;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Precision;
import org.quern.ir.Shape;
import org.quern.ir.Value;
import org.quern.ir.op.Matmul;
import org.quern.plan.Plan;

/** Times the same product in both precisions, turn by turn: which is faster depends on the CPU. */
final class PrecisionTrial {
  /** As in GPT-2 with 256 tokens. */
  private static final int ROWS = 256;

  private static final int CHANNELS = 768;
  private static final int ROUNDS = 15;

  private PrecisionTrial() {}

  /**
   * How many times as fast as F32 products of BF16 are: the ratio of the best times, which other
   * work on the machine disturbs least.
   */
  static double speedup(Function<Precision, Backend> opener) {
    try (Product single = new Product(opener.apply(Precision.F32));
        Product half = new Product(opener.apply(Precision.BF16))) {
      long best = Long.MAX_VALUE;
      long bestHalf = Long.MAX_VALUE;
      for (int round = 0; round < ROUNDS; round++) {
        best = Math.min(best, single.time());
        bestHalf = Math.min(bestHalf, half.time());
      }
      return (double) best / bestHalf;
    }
  }

  /** What the trial says, as a sentence. */
  static String say(double speedup) {
    return String.format(
        Locale.ROOT, "Products in bf16 run %.2f times as fast as in f32 here.", speedup);
  }

  private static final class Product implements AutoCloseable {
    private final Backend backend;
    private final ModelMemory memory;
    private final Executable program;

    Product(Backend backend) {
      this.backend = backend;
      Graph graph =
          new Graph(
              new ParameterLayout(
                  List.of(
                      new Parameter(
                          "weight", Shape.of(CHANNELS, CHANNELS), new Initializer.Zeros()))));
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
      backend.close();
    }
  }
}
