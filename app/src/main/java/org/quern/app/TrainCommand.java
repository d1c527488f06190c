package org.quern.app;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.quern.Engine;
import org.quern.train.TrainingOptions;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.Spec;

/** {@code quern train}. */
@Command(
    name = "train",
    description = {
      "Trains a language model on text. Without options: a small GPT on the Java sources of this"
          + " JDK, for about two minutes.",
      "Leaves a run folder: checkpoints, the model for Hugging Face's library and for 'generate',"
          + " log.jsonl, and the loss curve as a picture. Ctrl-C stops cleanly."
    },
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  quern train",
      "  quern train --data shakespeare.txt --tokens characters --steps 2000 --out runs/verse",
      "  quern train --resume runs/verse --steps 4000",
      "  quern train --batch 64 --recompute blocks   larger batches in the same memory",
      "  quern train --precision bf16 --bf16-weights on   weights are rounded once a step",
      "  quern train --profile 10 --steps 20   see where the time goes"
    })
final class TrainCommand implements Callable<Integer> {
  /** Options that change nothing of what is learned. */
  private static final Set<String> WITH_RESUME =
      Set.of(
          "--resume",
          "--steps",
          "--backend",
          "--max-isa",
          "--precision",
          "--threads",
          "--memory",
          "--profile",
          "--recompute",
          "--bf16-weights",
          "--stacktrace");

  private static final int CHECKPOINTS_KEPT = 2;

  @Spec private CommandSpec spec = CommandSpec.create();

  @ArgGroup(validate = false, heading = "%nText:%n")
  DataOptions data = new DataOptions();

  @ArgGroup(validate = false, heading = "%nModel:%n")
  ModelOptions model = new ModelOptions();

  @ArgGroup(validate = false, heading = "%nOptimizer:%n")
  OptimizerOptions optimizer = new OptimizerOptions();

  @ArgGroup(validate = false, heading = "%nRun:%n")
  RunOptions run = new RunOptions();

  @Option(
      names = "--resume",
      paramLabel = "RUN",
      description =
          "Go on with a run, with the options it was begun with; --steps may be given anew.")
  private @Nullable Path resume;

  @Mixin EngineMixin engine = new EngineMixin();

  /**
   * Of options in groups the command line's library does not say so, and forgets the rest of their
   * group.
   */
  private void refuseRepeated() {
    Set<OptionSpec> seen = new HashSet<>();
    boolean isValue = false;
    for (String argument : spec.commandLine().getParseResult().originalArgs()) {
      OptionSpec option = isValue ? null : spec.findOption(argument.split("=", 2)[0]);
      isValue = option != null && option.arity().min() > 0 && !argument.contains("=");
      if (option != null && !seen.add(option)) {
        throw new ParameterException(
            spec.commandLine(),
            "option '" + option.longestName() + "' should be specified only once");
      }
    }
  }

  @Override
  public Integer call() {
    refuseRepeated();
    if (resume != null) {
      return resume(resume);
    }
    check();
    List<String> arguments = spec.commandLine().getParseResult().originalArgs();
    try (Engine open = engine.open()) {
      RunFolder folder = RunFolder.create(run.out());
      return new TrainingRun(this, folder, open, console()).begin(arguments);
    }
  }

  /** Finds what is wrong with the options before anything is made or takes time. */
  private void check() {
    data.check();
    model.check();
    run.check();
    options(run.givenSteps().orElse(Calibration.MOST));
  }

  /** What the training is to do, but for its folder. */
  TrainingOptions options(long steps) {
    return TrainingOptions.of(steps)
        .withAccumulation(run.accumulation())
        .withOptimizer(optimizer.optimizer())
        .withSchedule(optimizer.schedule(steps))
        .withMaxNorm(optimizer.maxNorm())
        .withSeed(run.seed())
        .withRecompute(run.recompute())
        .withBf16Weights(run.bf16Weights())
        .withEvaluation(run.evaluationInterval(steps), run.evaluationBatches())
        .withCheckpoints(run.checkpointInterval(steps), CHECKPOINTS_KEPT);
  }

  private int resume(Path folder) {
    for (OptionSpec option : spec.commandLine().getParseResult().matchedOptions()) {
      if (!WITH_RESUME.contains(option.longestName())) {
        throw new AppException(
            "A run is resumed with the options it was begun with; leave "
                + option.longestName()
                + " out.");
      }
    }
    RunFolder existing = RunFolder.open(folder);
    TrainCommand begun = begun(existing);
    begun.run.overrideSteps(run.givenSteps().orElseGet(existing::steps));
    begun.run.overrideProfile(run);
    begun.run.overrideRecompute(run);
    begun.run.overrideBf16Weights(run);
    begun.run.check();
    try (Engine open = engine.or(begun.engine).open()) {
      return new TrainingRun(begun, existing, open, console()).resume();
    }
  }

  /** The command with the options that a run was begun with. */
  private static TrainCommand begun(RunFolder existing) {
    try {
      ParseResult parsed =
          Commands.of("train").parseArgs(existing.arguments().toArray(new String[0]));
      Optional<Object> command =
          Optional.ofNullable(parsed.subcommand()).map(sub -> sub.commandSpec().userObject());
      if (command.isPresent() && command.get() instanceof TrainCommand train) {
        return train;
      }
      throw existing.damaged("they are no training's");
    } catch (ParameterException e) {
      throw existing.damaged(String.valueOf(e.getMessage()));
    }
  }

  private Console console() {
    java.io.Console terminal = System.console();
    return new Console(
        spec.commandLine().getOut(),
        spec.commandLine().getErr(),
        terminal != null && terminal.isTerminal());
  }
}
