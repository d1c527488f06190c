package org.quern.bench;

import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.quern.exec.Executable;
import org.quern.exec.LinkedMemory;
import org.quern.exec.ModelMemory;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Initializer;
import org.quern.ir.Parameter;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Region;
import org.quern.ir.Shape;
import org.quern.ir.Value;
import org.quern.ir.op.Matmul;
import org.quern.plan.Plan;

/**
 * One matrix product of GPT-2 124M as a program of its own: {@code [rows, inner]} by {@code
 * [columns, inner]} transposed, F32. Operations: 2 x rows x inner x columns.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class MatmulBenchmark {
  /** The number of workers. */
  @Param({"1", "2"})
  public int threads;

  /** Rows, inner size and columns; one row is what decoding a token does. */
  @Param({"256x768x768", "256x768x3072", "256x3072x768", "1x768x3072"})
  public String shape;

  private NativeEngine engine;
  private ModelMemory model;
  private Executable executable;

  /** JMH fills the parameters and {@link #open} the rest. */
  @SuppressWarnings("NullAway.Init")
  public MatmulBenchmark() {}

  /** Plans and links the product, and fills it with numbers between 0 and 1. */
  @Setup(Level.Trial)
  public void open() {
    String[] sizes = shape.split("x", -1);
    int rows = Integer.parseInt(sizes[0]);
    int inner = Integer.parseInt(sizes[1]);
    int columns = Integer.parseInt(sizes[2]);
    ParameterLayout layout =
        new ParameterLayout(
            List.of(new Parameter("weight", Shape.of(columns, inner), new Initializer.Normal(1))));
    Graph graph = new Graph(layout);
    Value x = graph.input("x", DType.F32, Shape.of(rows, inner));
    graph.output("y", Matmul.linear(graph, x, graph.parameter("weight"), Value.NONE));

    engine = new NativeEngine(threads);
    model = engine.backend().allocate("benchmark", layout);
    executable = engine.backend().link(Plan.of(graph), LinkedMemory.of(model));
    Random random = new Random(1);
    for (var segment : List.of(model.segment(Region.PARAMETERS), executable.input("x"))) {
      for (long i = 0; i < segment.byteSize() / Float.BYTES; i++) {
        segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextFloat());
      }
    }
  }

  /** Runs the product. */
  @Benchmark
  public void run() {
    executable.run();
  }

  /** Gives everything back. */
  @TearDown(Level.Trial)
  public void close() {
    executable.close();
    model.close();
    engine.close();
  }
}
