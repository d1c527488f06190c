package org.quern;

import java.util.Arrays;
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
  private static final int ROUNDS = 7;

  private PrecisionTrial() {}

  /** How many times as fast as F32 products of BF16 are: the ratio of medians. */
  static double speedup(Function<Precision, Backend> opener) {
    try (Product single = new Product(opener.apply(Precision.F32));
        Product half = new Product(opener.apply(Precision.BF16))) {
      single.time();
      half.time();
      long[] singles = new long[ROUNDS];
      long[] halves = new long[ROUNDS];
      for (int round = 0; round < ROUNDS; round++) {
        singles[round] = single.time();
        halves[round] = half.time();
      }
      return (double) median(singles) / median(halves);
    }
  }

  /** What the trial says, as a sentence. */
  static String say(double speedup) {
    return String.format(
        Locale.ROOT, "Products in bf16 run %.2f times as fast as in f32 here.", speedup);
  }

  private static long median(long[] times) {
    Arrays.sort(times);
    return times[times.length / 2];
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
