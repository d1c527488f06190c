package org.quern.bench;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;
import org.openjdk.jmh.util.Statistics;
import org.quern.ir.Cost;
import org.quern.ir.Precision;

/**
 * Times {@link KernelBenchmark} for {@code quern bench kernels}, a JVM for each case, and prints
 * one JSON object last: the cases with their costs and times, or what went wrong. The JVMs have
 * this one's options, the system properties that choose an engine among them.
 */
final class Kernels {
  private static final int ITERATIONS = 5;

  private final double seconds;
  private final int forks;

  private Kernels(double seconds, int forks) {
    this.seconds = seconds;
    this.forks = forks;
  }

  /**
   * Arguments: {@code list} or {@code run}; the precision; seconds and JVMs for each case; then the
   * parts of names that select cases, all if there are none.
   */
  public static void main(String[] arguments) {
    Precision precision = Precision.valueOf(arguments[1].toUpperCase(Locale.ROOT));
    List<String> parts = List.of(arguments).subList(4, arguments.length);
    List<KernelCase> cases = KernelCases.matching(parts);
    Kernels kernels = new Kernels(Double.parseDouble(arguments[2]), Integer.parseInt(arguments[3]));
    String result = kernels.result(cases, precision, arguments[0].equals("list"));
    System.out.println(result);
  }

  private String result(List<KernelCase> cases, Precision precision, boolean list) {
    List<String> rows = new ArrayList<>();
    for (KernelCase next : cases) {
      Optional<Statistics> times = Optional.empty();
      if (!list) {
        note(System.err, (rows.size() + 1) + " of " + cases.size() + ": " + next.name());
        try {
          times = Optional.of(time(next.name()).getPrimaryResult().getStatistics());
        } catch (RunnerException failed) {
          return "{" + member("error", next.name() + " failed: " + failed.getMessage()) + "}";
        }
      }
      rows.add(row(next, next.cost(precision), times));
    }
    return "{\"cases\":[" + String.join(",", rows) + "]}";
  }

  private static void note(PrintStream out, String text) {
    out.println(text);
  }

  private RunResult time(String name) throws RunnerException {
    TimeValue time = TimeValue.microseconds((long) (seconds * 1e6 / ITERATIONS));
    return new Runner(
            new OptionsBuilder()
                .include("^" + KernelBenchmark.class.getName().replace(".", "\\.") + "\\.run$")
                .param(KernelBenchmark.CASE, name)
                .warmupIterations(ITERATIONS)
                .warmupTime(time)
                .measurementIterations(ITERATIONS)
                .measurementTime(time)
                .forks(forks)
                .shouldFailOnError(true)
                .verbosity(VerboseMode.SILENT)
                .build())
        .runSingle();
  }

  static String row(KernelCase found, Cost cost, Optional<Statistics> times) {
    List<String> members = new ArrayList<>();
    members.add(member("operation", found.operation()));
    members.add(member("model", found.model()));
    members.add(member("shape", found.shape()));
    members.add(member("kernel", found.kernel().name()));
    members.add("\"flops\":" + cost.flops());
    members.add("\"bytes\":" + cost.bytes());
    times.ifPresent(measured -> {
      members.add(number("us", measured.getPercentile(50)));
      members.add(number("us_least", measured.getMin()));
      members.add(number("us_most", measured.getMax()));
    });
    return "{" + String.join(",", members) + "}";
  }

  private static String number(String name, double value) {
    return String.format(Locale.ROOT, "\"%s\":%.6g", name, value);
  }

  private static String member(String name, String text) {
    return "\"" + name + "\":\"" + text.replaceAll("[\\\\\"\\p{Cntrl}]", " ") + "\"";
  }
}
