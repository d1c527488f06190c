package org.quern.app;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import org.quern.EngineDescription;
import org.quern.ir.Cost;
import org.quern.ir.Kernel;
import org.quern.profile.Roofline;
import tools.jackson.databind.JsonNode;

/**
 * What the kernels took.
 *
 * @param engine what they ran on
 * @param roofline what this machine does at most
 * @param rows the cases
 * @param others processors that others kept busy meanwhile; empty where the system does not say
 */
record KernelTable(
    EngineDescription engine, Roofline roofline, List<Row> rows, OptionalDouble others) {
  /**
   * An operation at one size.
   *
   * @param operation as profiles call it
   * @param model whose size it is
   * @param shape the sizes
   * @param kernel what computes it in F32
   * @param cost what it asks of the machine
   * @param micros the median time
   * @param least the shortest time
   * @param most the longest time
   */
  record Row(
      String operation,
      String model,
      String shape,
      Kernel kernel,
      Cost cost,
      double micros,
      double least,
      double most) {
    static Row of(JsonNode json) {
      return new Row(
          json.path("operation").asString(),
          json.path("model").asString(),
          json.path("shape").asString(),
          Kernel.valueOf(json.path("kernel").asString()),
          new Cost(json.path("flops").asLong(), json.path("bytes").asLong()),
          json.path("us").asDouble(Double.NaN),
          json.path("us_least").asDouble(Double.NaN),
          json.path("us_most").asDouble(Double.NaN));
    }

    /** How far the times are apart, as a share of the median. */
    double spread() {
      return (most - least) / micros;
    }

    double gigaflops() {
      return cost.flops() / micros / 1e3;
    }

    double gigabytes() {
      return cost.bytes() / micros / 1e3;
    }

    /** The least time that the machine needs for the cost, as a share of the median. */
    double share(Roofline roofline) {
      return roofline.seconds(kernel, cost) * 1e6 / micros;
    }
  }

  /** Of two measurements the higher rates: what else ran can only have lowered them. */
  static Roofline higher(Roofline one, Roofline other) {
    return new Roofline(
        one.tier(),
        one.threads(),
        Math.max(one.flopsAlone(), other.flopsAlone()),
        Math.max(one.flops(), other.flops()),
        Math.max(one.products(), other.products()),
        Math.max(one.int8(), other.int8()),
        Math.max(one.readingAlone(), other.readingAlone()),
        Math.max(one.reading(), other.reading()));
  }

  void print(PrintWriter out) {
    out.printf(
        Locale.ROOT,
        "Kernels: %s, %s, %s, threads: %d%n",
        engine.backend(),
        engine.tier(),
        engine.precision(),
        engine.threads());
    out.println("Roofline: " + roofline);
    if (others.orElse(0) > Company.TOO_MUCH) {
      out.printf(
          Locale.ROOT,
          "Measured under load: others kept %.1f processors busy.%n",
          others.orElseThrow());
    }
    int width = rows.stream().mapToInt(row -> row.operation().length()).max().orElse(0);
    int shapes = rows.stream().mapToInt(row -> row.shape().length()).max().orElse(0);
    String names = "%-" + (width + 1) + "s %-10s %-" + (shapes + 1) + "s";
    out.printf(
        Locale.ROOT,
        names + "%10s %7s %8s %7s %8s%n",
        "operation",
        "model",
        "shape",
        "us",
        "spread",
        "GFLOP/s",
        "GB/s",
        "roofline");
    for (Row row : rows) {
      out.printf(
          Locale.ROOT,
          names + "%10s %6.0f%% %8s %7s %6.0f %%%n",
          row.operation(),
          row.model(),
          row.shape(),
          ContestResult.digits(row.micros()),
          100 * row.spread(),
          ContestResult.digits(row.gigaflops()),
          ContestResult.digits(row.gigabytes()),
          100 * row.share(roofline));
    }
    out.flush();
  }

  /** All of it, after a line's beginning. */
  Map<String, Object> toJson() {
    Map<String, Object> line = History.line();
    line.put("work", "kernels");
    line.put("backend", engine.backend());
    line.put("tier", engine.tier());
    line.put("precision", engine.precision());
    line.put("threads", engine.threads());
    line.put("roofline_gflops", BenchReport.round(roofline.flops() / 1e9));
    line.put("roofline_product_gflops", BenchReport.round(roofline.products() / 1e9));
    line.put("roofline_int8_gflops", BenchReport.round(roofline.int8() / 1e9));
    line.put("roofline_gb_per_second", BenchReport.round(roofline.reading() / 1e9));
    others.ifPresent(busy -> line.put("others_busy", BenchReport.round(busy)));
    List<Map<String, Object>> results = new ArrayList<>();
    for (Row row : rows) {
      Map<String, Object> result = new LinkedHashMap<>();
      result.put("operation", row.operation());
      result.put("model", row.model());
      result.put("shape", row.shape());
      result.put("us", BenchReport.round(row.micros()));
      result.put("spread", BenchReport.round(row.spread()));
      result.put("gflops", BenchReport.round(row.gigaflops()));
      result.put("gb_per_second", BenchReport.round(row.gigabytes()));
      result.put("roofline", BenchReport.round(row.share(roofline)));
      results.add(result);
    }
    line.put("kernels", results);
    return line;
  }
}
