package org.quern.app;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.quern.Engine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code quern bench matmul}. */
@Command(
    name = "matmul",
    description = {
      "Times matrix products: those of a training step of a model with batch times context rows,"
          + " forward, for the input's gradient and for the weight's, each size once; or those of"
          + " --shape.",
      "Each is named by the operand that it takes transposed: the second (dx), the first (dw), or"
          + " none (forward). So are products of weights [in, out], as GPT-2's are; of weights"
          + " [out, in], as of Llama's family, a layer's own product is a dx.",
      "A step is each product once. Without --steps: each at least 5 times, and for half a second."
    },
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    sortOptions = false,
    footer = {"", "Example:", "  quern bench matmul --shape 256x3072x768 --shape dw:768x3072x256"})
final class BenchMatmulCommand implements Callable<Integer> {
  private static final int BATCH = 4;
  private static final int CONTEXT = 64;

  @Spec private CommandSpec spec = CommandSpec.create();
  @Mixin private BenchOptions options = new BenchOptions();

  @Option(
      names = "--shape",
      paramLabel = "[KIND:]MxNxK",
      description =
          "M rows, N columns, K summed over; dx: takes the second operand transposed, dw: the"
              + " first, and adds; may be given several times.")
  private List<String> shapes = List.of();

  @Mixin private EngineMixin engine = new EngineMixin();

  @Override
  public Integer call() {
    options.check();
    int batch = options.batch(BATCH);
    int context = options.context().orElse(CONTEXT);
    List<MatmulShape> given = parsed(shapes);
    PrintWriter out = spec.commandLine().getOut();
    try (Engine open = engine.open()) {
      List<MatmulShape> products =
          given.isEmpty() ? options.products(open, Math.multiplyExact(batch, context)) : given;
      BenchReport report = new BenchReport("matmul", options, open);
      report.put("batch", batch);
      report.put("context", context);
      List<Map<String, Object>> rows = new ArrayList<>();
      double milliseconds = 0;
      double flops = 0;
      double spread = 0;
      for (MatmulShape product : products) {
        Times times = MatmulTimes.of(product, open, options);
        milliseconds += times.median();
        flops += product.flops();
        spread = Math.max(spread, times.spread());
        double rate = BenchReport.round(product.flops() / times.median() / 1e6);
        if (!options.json()) {
          out.printf(Locale.ROOT, "%-28s %.1f GFLOP/s%n", product, rate);
          out.flush();
        }
        rows.add(row(product, times, rate));
      }
      report.put("ms_per_step", milliseconds);
      report.put("spread", spread);
      report.put("tokens_per_second", (double) batch * context / milliseconds * 1e3);
      report.put("gflops", flops / milliseconds / 1e6);
      if (options.json()) {
        report.put("shapes", rows);
      }
      report.print(out);
    }
    return 0;
  }

  private static List<MatmulShape> parsed(List<String> shapes) {
    return shapes.stream().map(MatmulShape::parse).toList();
  }

  private static Map<String, Object> row(MatmulShape product, Times times, double rate) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("shape", product.toString());
    row.put("ms", BenchReport.round(times.median()));
    row.put("gflops", rate);
    row.put("spread", BenchReport.round(times.spread()));
    return row;
  }
}
