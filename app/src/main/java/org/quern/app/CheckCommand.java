package org.quern.app;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.quern.Engine;
import org.quern.check.Check;
import org.quern.format.TensorComparison;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code quern check}. */
@Command(
    name = "check",
    description = {
      "Computes a reference case: outputs, loss, gradients, and the parameters after some steps.",
      "Where the case has known results, prints the relative error of each and fails beyond the"
          + " case's tolerance."
    },
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    footer = {"", "Example:", "  quern check fixtures/gpt2 --out ours.safetensors"})
final class CheckCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();
  @Mixin private EngineMixin engine = new EngineMixin();

  @Parameters(
      index = "0",
      paramLabel = "CASE",
      description =
          "A folder with config.json, model.safetensors, inputs.safetensors and case.json.")
  private Path folder = Path.of("");

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "Write what was computed to this safetensors file.")
  private @Nullable Path out;

  @Override
  public Integer call() throws IOException {
    PrintWriter print = spec.commandLine().getOut();
    Path given = out;
    Path target = given == null ? Files.createTempFile("quern-check", ".safetensors") : given;
    try (Engine open = engine.open()) {
      print.println(EngineMixin.chosen(open));
      Optional<TensorComparison> comparison = Check.run(open, folder, target);
      if (given != null) {
        print.println("Written to " + target + ".");
      }
      if (comparison.isEmpty()) {
        print.println("The case has no expected.safetensors to compare with.");
        return 0;
      }
      return report(comparison.get(), print);
    } finally {
      if (given == null) {
        Files.deleteIfExists(target);
      }
      print.flush();
    }
  }

  private static int report(TensorComparison comparison, PrintWriter print) {
    List<TensorComparison.Result> results =
        comparison.results().stream()
            .sorted(Comparator.comparingDouble(TensorComparison.Result::error))
            .toList();
    for (TensorComparison.Result result : results) {
      print.printf(
          "%10.2e%s  %s%s%n",
          result.error(),
          result.absolute() ? " absolute" : "",
          result.name(),
          result.detail().isEmpty() ? "" : "  " + result.detail());
    }
    int failed = comparison.failures().size();
    print.printf("%d tensors compared, %d beyond the tolerance.%n", results.size(), failed);
    return comparison.passed() ? 0 : 1;
  }
}
