package org.quern.app;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.DoubleStream;
import tools.jackson.databind.JsonNode;

/**
 * What came of a contest.
 *
 * @param contest what was measured
 * @param rows who took part, we first
 * @param leftOut who did not
 * @param others processors that others kept busy meanwhile; empty where the system does not say
 */
record ContestResult(
    Contest contest, List<Row> rows, List<Contestant.LeftOut> leftOut, OptionalDouble others) {
  private static final String STEP = "ms_per_step";
  private static final List<String> PARTS = List.of("prefill_ms", STEP);

  /**
   * One that took part.
   *
   * @param name who it is
   * @param rounds what each of its processes printed
   */
  record Row(String name, List<JsonNode> rounds) {
    /** The median over the rounds of a number that each process printed; NaN if it has none. */
    double median(String field) {
      double[] sorted = values(field).sorted().toArray();
      int middle = sorted.length / 2;
      if (sorted.length == 0) {
        return Double.NaN;
      }
      return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /** How far the rounds are apart, as a share of their median. */
    double spread(String field) {
      double most = values(field).max().orElse(Double.NaN);
      return (most - values(field).min().orElse(Double.NaN)) / median(field);
    }

    private DoubleStream values(String field) {
      return rounds.stream()
          .map(round -> round.path(field))
          .filter(JsonNode::isNumber)
          .mapToDouble(JsonNode::asDouble);
    }

    /** The median time of a matrix product; NaN if it was not measured. */
    double product(String shape) {
      return new Row(name, rounds.stream().map(round -> shape(round, shape)).toList()).median("ms");
    }

    private static JsonNode shape(JsonNode round, String shape) {
      return round
          .path("shapes")
          .valueStream()
          .filter(row -> row.path("shape").asString("").equals(shape))
          .findFirst()
          .orElse(round.path("shapes").path(shape));
    }

    /** What the process says it is, its version included. */
    String title() {
      String said = rounds.getFirst().path("peer").asString("");
      return said.isEmpty() ? name : said;
    }
  }

  /** What is timed: a step, and for generation the prompt before. */
  List<String> parts() {
    return contest.work() == Contest.Work.GENERATE ? PARTS : List.of(STEP);
  }

  Row ours() {
    return rows.getFirst();
  }

  /** How many times our time the other takes. */
  double ratio(Row other, String field) {
    return other.median(field) / ours().median(field);
  }

  void print(PrintWriter out) {
    out.println();
    out.println(contest + " (rounds: " + ours().rounds().size() + ")");
    if (isLoaded()) {
      out.printf(
          Locale.ROOT,
          "Measured under load: others kept %.1f processors busy.%n",
          others.orElseThrow());
    }
    if (rows.size() > 1 && Presets.find(contest.model()) == null) {
      out.println("The others have random weights of the same sizes as " + contest.model() + ".");
    }
    int width = rows.stream().mapToInt(row -> row.title().length()).reduce(32, Math::max);
    for (String part : parts()) {
      out.printf(
          "%s %12s %9s %9s %9s%n",
          padded(part.equals(STEP) ? stepName() : "prompt", width + 2),
          "ms",
          "spread",
          "ratio",
          "GiB");
      for (Row row : rows) {
        out.printf(
            Locale.ROOT,
            "  %s %12s %8.0f%% %9s %9s%n",
            padded(row.title(), width),
            digits(row.median(part)),
            100 * row.spread(part),
            digits(ratio(row, part)),
            digits(row.median("peak_rss_gib")));
      }
    }
    if (contest.work() == Contest.Work.MATMUL) {
      printProducts(out);
    }
    leftOut.forEach(left -> out.println("  left out: " + left.name() + ": " + left.reason()));
    out.flush();
  }

  private static String padded(String text, int width) {
    return text + " ".repeat(width - text.length());
  }

  private String stepName() {
    return switch (contest.work()) {
      case TRAIN -> "step";
      case MATMUL -> "all products once";
      case GENERATE -> "token";
    };
  }

  private void printProducts(PrintWriter out) {
    out.printf("%-34s", "ms, and ratio to ours");
    rows.forEach(row -> out.printf(" %18s", row.name()));
    out.println();
    for (String shape : shapes()) {
      out.printf("  %-32s", shape);
      double ours = ours().product(shape);
      for (Row row : rows) {
        double time = row.product(shape);
        out.printf(" %18s", digits(time) + " (" + digits(time / ours) + ")");
      }
      out.println();
    }
  }

  private List<String> shapes() {
    return ours()
        .rounds()
        .getFirst()
        .path("shapes")
        .valueStream()
        .map(row -> row.path("shape").asString())
        .toList();
  }

  /** Whether so much ran besides that times say little. */
  boolean isLoaded() {
    return others.orElse(0) > Company.TOO_MUCH;
  }

  static String digits(double value) {
    if (Double.isNaN(value)) {
      return "-";
    }
    return String.format(Locale.ROOT, value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value);
  }

  /** All of it, for the history. */
  Map<String, Object> toJson() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("work", contest.work().toString());
    json.put("model", contest.model());
    json.put("batch", contest.batch());
    json.put("context", contest.context());
    json.put("precision", contest.precision());
    json.put("threads", contest.threads());
    json.put("rounds", ours().rounds().size());
    others.ifPresent(busy -> json.put("others_busy", BenchReport.round(busy)));
    List<Map<String, Object>> results = new ArrayList<>();
    for (Row row : rows) {
      Map<String, Object> result = new LinkedHashMap<>();
      result.put("name", row.name());
      result.put("title", row.title());
      for (String part : parts()) {
        result.put(part, BenchReport.round(row.median(part)));
        result.put(part + "_spread", BenchReport.round(row.spread(part)));
        result.put(part + "_ratio", BenchReport.round(ratio(row, part)));
      }
      double peak = row.median("peak_rss_gib");
      if (!Double.isNaN(peak)) {
        result.put("peak_rss_gib", peak);
      }
      if (contest.work() == Contest.Work.MATMUL) {
        Map<String, Object> products = new LinkedHashMap<>();
        shapes().forEach(shape -> products.put(shape, BenchReport.round(row.product(shape))));
        result.put("shapes", products);
      }
      results.add(result);
    }
    json.put("results", results);
    json.put(
        "left_out",
        leftOut.stream()
            .map(left -> Map.of("name", left.name(), "reason", left.reason()))
            .toList());
    return json;
  }
}
