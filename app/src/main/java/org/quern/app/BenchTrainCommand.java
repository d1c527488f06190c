package org.quern.app;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.Callable;
import org.quern.Engine;
import org.quern.Model;
import org.quern.exec.Executable;
import org.quern.exec.LinkedMemory;
import org.quern.exec.MemoryUse;
import org.quern.exec.StepBlock;
import org.quern.model.LanguageModelGraphs;
import org.quern.model.Pass;
import org.quern.train.Optimizer;
import org.quern.train.RecomputationPrice;
import org.quern.train.StepPlan;
import org.quern.train.TrainingOptions;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code quern bench train}. */
@Command(
    name = "train",
    description = {
      "Times training steps: forward, backward, AdamW; random tokens.",
      "Without --steps: at least 5, and 5 seconds. Gradients are not clipped, unless --clip says so,",
      "and so are folded into the optimizer: their memory is free as soon as they are used."
    },
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  quern bench train --model gpt-char --batch 12 --context 64",
      "  quern bench train --model gpt2-124m --batch 4 --context 256 --clip 1",
      "  quern bench train --model gpt2-124m --precision bf16 --bf16-weights on",
      "  quern bench train --model gpt2-124m --bound"
    })
final class BenchTrainCommand implements Callable<Integer> {
  private static final Optimizer OPTIMIZER = new Optimizer.AdamW(0.9f, 0.95f, 1e-8f, 0.1f);
  private static final int BATCH = 4;
  private static final int CONTEXT = 64;
  private static final int LEAST_WARMUP = 2;
  private static final int LEAST_STEPS = 5;
  private static final double SECONDS = 5;

  @Spec private CommandSpec spec = CommandSpec.create();
  @Mixin private BenchOptions options = new BenchOptions();

  @Option(
      names = "--clip",
      paramLabel = "NORM",
      defaultValue = "0",
      description = "Largest norm of all gradients together; 0 for no clipping (default: 0).")
  private float clip;

  @Option(
      names = "--recompute",
      paramLabel = "WHAT",
      defaultValue = "none",
      description = "none, or blocks, as in quern train (default: none).")
  private String recompute = "none";

  @Option(
      names = "--bf16-weights",
      paramLabel = "WHEN",
      defaultValue = "auto",
      description = "on, off or auto, as in quern train (default: auto).")
  private String bf16Weights = "auto";

  @Option(
      names = "--bound",
      description = {
        "Also measure, after the steps, at what rates the model's products run and memory is read,",
        "and tell what they and the optimizer's sweep need at least, and how often that goes into a step."
      })
  private boolean bound;

  @Mixin private EngineMixin engine = new EngineMixin();

  @Override
  public Integer call() {
    options.check();
    TrainingOptions training =
        TrainingOptions.of(1)
            .withMaxNorm(clip)
            .withOptimizer(OPTIMIZER)
            .withRecompute(RunOptions.recompute(recompute))
            .withBf16Weights(RunOptions.bf16Weights(bf16Weights));
    try (Engine open = engine.open();
        Model model = options.openForTraining(open)) {
      int batch = options.batch(BATCH);
      int context = BenchOptions.fitting(options.context().orElse(CONTEXT), model);
      StepPlan step = StepPlan.of(model.architecture(), batch, context, training, open.backend());
      BenchReport report = new BenchReport("train", options, open);
      report.put("batch", batch);
      report.put("context", context);
      report.put("clip", clip);
      report.put("recompute", recompute);
      report.put("bf16_weights", bf16Weights);
      report.put(model.config());
      try (Executable program = open.backend().link(step.plan(), LinkedMemory.of(model.memory()))) {
        fill(program, model.config().vocabularySize());
        program.step().lossScale(1f / (batch * context));
        Times times = measure(program);
        report.put(times, (double) batch * context);
        report.put("gflops", step.plan().graph().cost().flops() / times.median() / 1e6);
        MemoryUse.of(open.backend(), model.memory(), List.of(step.plan()), 0)
            .parts()
            .forEach((part, bytes) -> report.put(field(part), bytes / (double) (1 << 20)));
        if (step.price().isPresent()) {
          RecomputationPrice price = step.price().get();
          report.put("kept_activations_mib", price.keptBytes() / (double) (1 << 20));
          report.put("recomputed_gflop", price.flops() / 1e9);
          report.put("recomputed_share", price.share());
        }
        if (program.step().nonfinite()) {
          throw new AppException("A loss or gradient of the steps was not finite; mend the model.");
        }
        report.putPeakMemory();
        if (bound) {
          List<MatmulShape> products = MatmulShape.of(model.config(), batch * context);
          StepBound.measure(open, step.plan().graph(), products, options).put(report, times);
        }
      }
      report.print(spec.commandLine().getOut());
    }
    return 0;
  }

  private Times measure(Executable program) {
    StepBlock block = program.step();
    block.update(true);
    block.learningRate(1e-4f);
    block.maxNorm(clip);
    long[] step = {0};
    return options
        .repetitions(LEAST_WARMUP, LEAST_STEPS, SECONDS)
        .measure(() -> {
          step[0]++;
          block.step(step[0]);
          block.sequence(step[0]);
          program.run();
        });
  }

  /** A name for a part of the memory as those of the other fields. */
  private static String field(String part) {
    return part.toLowerCase(Locale.ROOT).replace("'", "").replace(' ', '_') + "_mib";
  }

  private static void fill(Executable program, int vocabulary) {
    Random random = new Random(1);
    for (String input : new String[] {Pass.IDS, LanguageModelGraphs.LABELS}) {
      MemorySegment ids = program.input(input);
      for (long i = 0; i < ids.byteSize() / Integer.BYTES; i++) {
        ids.setAtIndex(JAVA_INT, i, random.nextInt(vocabulary));
      }
    }
  }
}
