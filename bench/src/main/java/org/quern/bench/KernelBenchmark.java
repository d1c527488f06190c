package org.quern.bench;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
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
import org.quern.Engine;
import org.quern.exec.Executable;
import org.quern.exec.LinkedMemory;
import org.quern.exec.ModelMemory;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Precision;
import org.quern.ir.Region;
import org.quern.ir.Value;
import org.quern.plan.Plan;

/**
 * One operation as a program of its own, on an engine as system properties ask for it ({@link
 * org.quern.EngineOptions#defaults}). The time is that of a whole run: waking the workers and
 * meeting at the end are in it, a few microseconds.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 5, time = 200, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 200, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
public class KernelBenchmark {
  /** JMH's name of the parameter below. */
  static final String CASE = "operation";

  private static final int PATTERN = 1 << 16;

  /** The name of a {@link KernelCase}; {@link Main} and {@link Kernels} put in all others. */
  @Param("Matmul gpt2-124m 256x3072x768")
  public String operation;

  private Engine engine;
  private ModelMemory model;
  private Executable executable;

  /** JMH fills the parameter and {@link #open} the rest. */
  @SuppressWarnings("NullAway.Init")
  public KernelBenchmark() {}

  /** Plans and links the operation, and fills its operands. */
  @Setup(Level.Trial)
  public void open() {
    KernelCase chosen = KernelCases.named(operation);
    ParameterLayout layout = chosen.layout();
    engine = Engine.open();
    Precision precision = engine.backend().precision();
    Graph graph = chosen.graph(layout, precision);
    model = engine.backend().allocate("a benchmark", layout);
    executable = engine.backend().link(Plan.of(graph), LinkedMemory.of(model));
    for (Region region : Region.values()) {
      if (region.isModel() && region.dtype() == DType.F32 && model.has(region)) {
        fill(model.segment(region));
      }
    }
    if (model.has(Region.ROUNDED_PARAMETERS)) {
      model.roundParameters(rounded(graph));
    }
    for (Value value : graph.values()) {
      if (value.region() == Region.IO && value.dtype() == DType.F32) {
        fill(executable.input(value.name()));
      } else if (value.region() == Region.IO && value.dtype() == DType.I8) {
        fillBytes(executable.input(value.name()));
      } else if (value.region() == Region.IO && value.dtype() == DType.I32) {
        fill(executable.input(value.name()), chosen, value.name());
      }
    }
    executable.step().update(true);
    executable.step().step(1);
    executable.step().learningRate(1e-6f);
  }

  private static List<String> rounded(Graph graph) {
    return graph.values().stream()
        .filter(value -> value.region() == Region.ROUNDED_PARAMETERS)
        .map(Value::name)
        .toList();
  }

  /** Numbers between 0 and 1, which second moments can be too; the same for every segment. */
  private static void fill(MemorySegment target) {
    Random random = new Random(1);
    long pattern = Math.min(target.byteSize(), (long) PATTERN * Float.BYTES);
    for (long i = 0; i < pattern / Float.BYTES; i++) {
      target.setAtIndex(JAVA_FLOAT, i, random.nextFloat());
    }
    for (long at = pattern; at < target.byteSize(); at += pattern) {
      long bytes = Math.min(pattern, target.byteSize() - at);
      MemorySegment.copy(target, 0, target, at, bytes);
    }
  }

  private static void fillBytes(MemorySegment target) {
    byte[] pattern = new byte[PATTERN];
    new Random(1).nextBytes(pattern);
    for (long at = 0; at < target.byteSize(); at += PATTERN) {
      int count = (int) Math.min(PATTERN, target.byteSize() - at);
      MemorySegment.copy(pattern, 0, target, JAVA_BYTE, at, count);
    }
  }

  private static void fill(MemorySegment target, KernelCase chosen, String name) {
    Random random = new Random(1);
    for (long i = 0; i < target.byteSize() / Integer.BYTES; i++) {
      int value = name.equals(KernelCase.STARTS) ? chosen.start() : random.nextInt(chosen.ids());
      target.setAtIndex(JAVA_INT, i, value);
    }
  }

  /** Runs the operation. */
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
