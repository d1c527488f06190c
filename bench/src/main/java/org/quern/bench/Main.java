package org.quern.bench;

import java.io.IOException;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/** Runs JMH with JMH's own options, and the flags that the engine's JVM needs. */
public final class Main {
  private Main() {}

  /**
   * Runs the benchmarks that the arguments select; {@code -h} lists JMH's options and {@code -l}
   * the benchmarks.
   */
  public static void main(String[] arguments)
      throws CommandLineOptionException, RunnerException, IOException {
    CommandLineOptions options = new CommandLineOptions(arguments);
    if (options.shouldHelp()) {
      options.showHelp();
      return;
    }
    ChainedOptionsBuilder builder =
        new OptionsBuilder()
            .parent(options)
            .jvmArgsPrepend(
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-XX:+UseSerialGC");
    if (!options.getParameter(KernelBenchmark.CASE).hasValue()) {
      builder.param(
          KernelBenchmark.CASE,
          KernelCases.all().stream().map(KernelCase::name).toArray(String[]::new));
    }
    Runner runner = new Runner(builder.build());
    if (options.shouldList()) {
      runner.list();
    } else if (options.shouldListWithParams()) {
      runner.listWithParams(options);
    } else {
      runner.run();
    }
  }
}
