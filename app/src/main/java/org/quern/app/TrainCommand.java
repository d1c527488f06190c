package org.quern.app;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.quern.Engine;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
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
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  quern train",
      "  quern train --data shakespeare.txt --tokens characters --steps 2000 --out runs/verse",
      "  quern train --resume runs/verse --steps 4000"
    })
final class TrainCommand implements Callable<Integer> {
  /** Options that change nothing of what is learned. */
  private static final Set<String> WITH_RESUME =
      Set.of(
          "--resume", "--steps", "--backend", "--max-isa", "--threads", "--memory", "--stacktrace");

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

  @Mixin private EngineMixin engine = new EngineMixin();

  @Override
  public Integer call() {
    List<String> arguments = spec.commandLine().getParseResult().originalArgs();
    Path folder = resume;
    if (folder != null) {
      return resume(folder, arguments);
    }
    try (Engine open = engine.open()) {
      return new TrainingRun(this, RunFolder.create(run.out()), open, console()).begin(arguments);
    }
  }

  private int resume(Path folder, List<String> arguments) {
    for (String argument : arguments) {
      if (argument.startsWith("--") && !WITH_RESUME.contains(argument.replaceAll("=.*", ""))) {
        throw new AppException(
            "A run is resumed with the options it was begun with; leave " + argument + " out.");
      }
    }
    RunFolder existing = RunFolder.open(folder);
    TrainCommand begun = new TrainCommand();
    new CommandLine(begun)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .parseArgs(existing.arguments().toArray(new String[0]));
    begun.run.overrideSteps(existing.steps(), run.givenSteps());
    try (Engine open = engine.open()) {
      return new TrainingRun(begun, existing, open, console()).resume();
    }
  }

  private Console console() {
    return new Console(spec.commandLine().getOut(), spec.commandLine().getErr());
  }
}
