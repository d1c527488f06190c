package org.quern.app;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code quern bench}. */
@Command(
    name = "bench",
    description = "Measures how fast this machine trains, writes and multiplies.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    subcommands = {
      BenchTrainCommand.class,
      BenchGenerateCommand.class,
      BenchMatmulCommand.class,
      BenchKernelsCommand.class,
      BenchCompareCommand.class
    },
    footer = {
      "",
      "Examples:",
      "  quern bench train --model gpt2-124m --batch 4 --context 64",
      "  quern bench generate --model llama-135m",
      "  quern bench matmul --shape 256x3072x768",
      "  quern bench kernels --filter attention",
      "  quern bench compare"
    })
final class BenchCommand implements Runnable {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public void run() {
    spec.commandLine().usage(spec.commandLine().getOut());
  }
}
