package org.quern.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
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
import org.quern.ir.Graph;
import org.quern.ir.Region;
import org.quern.model.CausalLanguageModel;
import org.quern.model.Gpt2Config;
import org.quern.model.LanguageModelGraphs;
import org.quern.model.Pass;
import org.quern.plan.Plan;
import org.quern.train.Optimizer;

/**
 * A whole training step of GPT-2, F32: forward, backward, gradient norm and AdamW, on random
 * tokens. Weights are random too: how long a step takes does not depend on what it learns.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2)
@Measurement(iterations = 5)
@Fork(1)
public class TrainingStepBenchmark {
  private static final Optimizer OPTIMIZER = new Optimizer.AdamW(0.9f, 0.95f, 1e-8f, 0.1f);

  /** The number of workers. */
  @Param("2")
  public int threads;

  /** Vocabulary, context, channels, layers and heads. */
  @Param({"256x256x128x4x4", "50257x1024x768x12x12"})
  public String model;

  /** Sequences by tokens of each. */
  @Param({"4x64", "4x256"})
  public String batch;

  private NativeEngine engine;
  private ModelMemory memory;
  private Executable executable;
  private long step;

  /** JMH fills the parameters and {@link #open} the rest. */
  @SuppressWarnings("NullAway.Init")
  public TrainingStepBenchmark() {}

  /** Builds, plans and links the step. */
  @Setup(Level.Trial)
  public void open() {
    int[] sizes = numbers(model);
    int[] shape = numbers(batch);
    CausalLanguageModel gpt2 =
        CausalLanguageModel.of(Gpt2Config.of(sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]));
    Graph graph =
        LanguageModelGraphs.training(gpt2, shape[0], shape[1], OPTIMIZER.foldingGradients());

    engine = new NativeEngine(threads);
    memory = engine.backend().allocate("benchmark", graph.layout());
    executable = engine.backend().link(Plan.of(graph), LinkedMemory.of(memory));

    Random random = new Random(1);
    MemorySegment weights = memory.segment(Region.PARAMETERS);
    for (long i = 0; i < weights.byteSize() / Float.BYTES; i++) {
      weights.setAtIndex(ValueLayout.JAVA_FLOAT, i, 0.02f * (float) random.nextGaussian());
    }
    for (String input : new String[] {Pass.IDS, LanguageModelGraphs.LABELS}) {
      MemorySegment ids = executable.input(input);
      for (long i = 0; i < ids.byteSize() / Integer.BYTES; i++) {
        ids.setAtIndex(ValueLayout.JAVA_INT, i, random.nextInt(sizes[0]));
      }
    }
    executable.step().update(true);
    executable.step().learningRate(1e-4f);
    executable.step().lossScale(1f / (shape[0] * shape[1]));
  }

  private static int[] numbers(String text) {
    String[] parts = text.split("x", -1);
    int[] numbers = new int[parts.length];
    for (int i = 0; i < parts.length; i++) {
      numbers[i] = Integer.parseInt(parts[i]);
    }
    return numbers;
  }

  /** Runs one step. */
  @Benchmark
  public void step() {
    step++;
    executable.step().step(step);
    executable.step().sequence(step);
    executable.run();
  }

  /** Gives everything back. */
  @TearDown(Level.Trial)
  public void close() {
    executable.close();
    memory.close();
    engine.close();
  }
}
