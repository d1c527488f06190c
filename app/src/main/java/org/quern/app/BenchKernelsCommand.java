package org.quern.app;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.quern.Engine;
import org.quern.EngineDescription;
import org.quern.EngineOptions;
import org.quern.profile.Roofline;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code quern bench kernels}. */
@Command(
    name = "kernels",
    description = {
      "Times every operation of the engine alone with JMH, at the sizes of gpt2-124m, gpt-char and"
          + " llama-135m: time, GFLOP/s, GB/s, and the share of what this machine does at most,"
          + " which is measured before and after.",
      "A JVM for each case: some three seconds each, so that all take minutes. JMH is fetched by"
          + " Maven the first time. Leaves a line in a history file."
    },
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  quern bench kernels --filter 'matmul gpt2-124m'",
      "  quern bench kernels --backend vector --threads 1 --filter norm --seconds 3"
    })
final class BenchKernelsCommand implements Callable<Integer> {
  private static final String PROGRAM = "org.quern.bench.Kernels";
  private static final double LEAST_SECONDS = 0.05;
  private static final double MOST_SECONDS = 600;
  private static final int MOST_FORKS = 100;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = "--filter",
      paramLabel = "TEXT",
      description =
          "Only cases whose names have this in them, such as attention, 'matmul llama' or"
              + " gpt2-124m; may be given several times.")
  private List<String> filters = List.of();

  @Option(names = "--list", description = "Name the cases and what they cost; time nothing.")
  private boolean list;

  @Option(
      names = "--seconds",
      paramLabel = "S",
      defaultValue = "1",
      description =
          "How long a case is timed, in five parts whose median counts, after as long a warm-up"
              + " (default: ${DEFAULT-VALUE}).")
  private double seconds = 1;

  @Option(
      names = "--forks",
      paramLabel = "N",
      defaultValue = "1",
      description = "JVMs for each case, one after another (default: ${DEFAULT-VALUE}).")
  private int forks = 1;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "runs/bench",
      description = "Where the history goes (default: ${DEFAULT-VALUE}).")
  private Path out = Path.of("runs/bench");

  @Option(names = "--json", description = "Print the line of the history, rather than a table.")
  private boolean json;

  @Mixin private EngineMixin engine = new EngineMixin();

  @Override
  public Integer call() {
    BenchOptions.range("--forks", forks, 1, MOST_FORKS);
    if (!(seconds >= LEAST_SECONDS && seconds <= MOST_SECONDS)) {
      throw new AppException("--seconds is " + seconds + "; choose a number from 0.05 to 600.");
    }
    PrintWriter print = spec.commandLine().getOut();
    try (Engine open = engine.open()) {
      List<String> command = command(open.describe());
      if (list) {
        run(command).forEach(row -> print.println(name(row)));
        print.flush();
        return 0;
      }
      History history = new History(out);
      Company company = new Company();
      Roofline before = open.measureRoofline();
      List<KernelTable.Row> rows = run(command);
      Roofline roofline = KernelTable.higher(before, open.measureRoofline());
      KernelTable table = new KernelTable(open.describe(), roofline, rows, company.processors());
      String line = History.json(table.toJson());
      if (json) {
        print.println(line);
      } else {
        table.print(print);
      }
      print.flush();
      Path file = history.append(line);
      if (!json) {
        print.println("History: " + file + ".");
        print.flush();
      }
    }
    return 0;
  }

  private static String name(KernelTable.Row row) {
    return String.join(" ", row.operation(), row.model(), row.shape())
        + ": "
        + row.cost().flops()
        + " operations, "
        + row.cost().bytes()
        + " bytes";
  }

  /** JMH's process; the JVMs that it starts have its options. */
  private List<String> command(EngineDescription chosen) {
    Path built = Path.of(System.getProperty("quern.bench", "bench/target"));
    Path jar = built.resolve("quern-bench.jar");
    if (!Files.isRegularFile(jar)) {
      throw new AppException(
          "The kernels' benchmark is not built; run mvn -pl bench -am -DskipTests package.");
    }
    List<String> command = new ArrayList<>(Contestants.java());
    if (ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent()) {
      command.addAll(List.of("--add-modules", "jdk.incubator.vector"));
    }
    command.addAll(
        List.of(
            "-Dquern.backend=" + chosen.backend(),
            "-Dquern.precision=" + chosen.precision(),
            "-Dquern.threads=" + chosen.threads(),
            "-Djmh.ignoreLock=true",
            "--sun-misc-unsafe-memory-access=allow"));
    EngineOptions asked = engine.options();
    asked.maximumTier().ifPresent(tier -> command.add("-Dquern.max.isa=" + tier));
    asked.memoryBudget().ifPresent(bytes -> command.add("-Dquern.memory=" + bytes));
    command.addAll(
        List.of(
            "-cp",
            jar.toString(),
            PROGRAM,
            list ? "list" : "run",
            chosen.precision(),
            String.valueOf(seconds),
            String.valueOf(forks)));
    command.addAll(filters);
    return command;
  }

  private List<KernelTable.Row> run(List<String> command) {
    JsonNode result = read(output(command));
    if (result.has("error")) {
      throw new AppException("The benchmark failed: " + result.path("error").asString() + ".");
    }
    List<KernelTable.Row> rows =
        result.path("cases").valueStream().map(KernelTable.Row::of).toList();
    if (rows.isEmpty()) {
      throw new AppException(
          "No operation's name has "
              + String.join(" or ", filters)
              + " in it; see quern bench kernels --list.");
    }
    return rows;
  }

  private static JsonNode read(String line) {
    try {
      return new JsonMapper().readTree(line);
    } catch (JacksonException noJson) {
      throw new AppException("The benchmark ended without a result; it said: " + line + ".");
    }
  }

  /** The last line that the process prints; what it says meanwhile goes where our errors go. */
  private static String output(List<String> command) {
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
      try (ChildProcess child = ChildProcess.start(builder)) {
        Process process = child.process();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int code = process.waitFor();
        return said.lines().reduce((first, last) -> last).orElse("nothing, and exit code " + code);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AppException("The benchmark was interrupted.");
    } catch (IOException e) {
      throw new AppException("The benchmark cannot be run: " + e.getMessage() + ".");
    }
  }
}
