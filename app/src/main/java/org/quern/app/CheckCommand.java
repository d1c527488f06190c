package org.quern.app;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.quern.Engine;
import org.quern.check.Check;
import org.quern.format.FormatException;
import org.quern.format.SafetensorsFile;
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
    footer = {
      "",
      "Examples:",
      "  quern check mycase --out ours.safetensors",
      "  quern check mycase --precision bf16"
    })
final class CheckCommand implements Callable<Integer> {
  private static final List<String> CASE_FILES =
      List.of(
          "config.json",
          "model.safetensors",
          "inputs.safetensors",
          "case.json",
          "expected.safetensors");

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
    if (given != null) {
      refuseCaseFiles(given);
    }
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
      report(comparison.get(), print);
      return 0;
    } finally {
      if (given == null) {
        Files.deleteIfExists(target);
      }
      print.flush();
    }
  }

  /** What is compared with must not be what was computed. */
  private void refuseCaseFiles(Path target) throws IOException {
    if (Files.isDirectory(target)) {
      throw new AppException("The output " + target + " is a folder; give a file with --out.");
    }
    if (Files.isRegularFile(target) && Files.size(target) > 0 && !isSafetensors(target)) {
      throw new AppException(
          "The output "
              + target
              + " is there and is no safetensors file; choose another with --out.");
    }
    for (String name : CASE_FILES) {
      Path file = folder.resolve(name);
      if (Files.exists(file) && Files.exists(target) && Files.isSameFile(file, target)) {
        throw new AppException(
            "The output " + target + " is a file of the case itself; choose another with --out.");
      }
    }
  }

  private static boolean isSafetensors(Path file) {
    try {
      SafetensorsFile.open(file).close();
      return true;
    } catch (FormatException e) {
      return false;
    }
  }

  private void report(TensorComparison comparison, PrintWriter print) {
    List<TensorComparison.Result> results =
        comparison.results().stream()
            .sorted(Comparator.comparingDouble(TensorComparison.Result::error))
            .toList();
    for (TensorComparison.Result result : results) {
      print.printf(
          Locale.ROOT,
          "%10.2e%s  %s%s%n",
          result.error(),
          result.absolute() ? " absolute" : "",
          result.name(),
          result.detail().isEmpty() ? "" : "  " + result.detail());
    }
    int failed = comparison.failures().size();
    print.printf("%d tensors compared, %d beyond the tolerance.%n", results.size(), failed);
    if (!comparison.passed()) {
      throw new AppException(
          "The case "
              + folder
              + " fails: "
              + failed
              + " of "
              + results.size()
              + " tensors are beyond the tolerance, the worst "
              + results.getLast().name()
              + ".");
    }
  }
}
