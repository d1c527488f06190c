package org.quern.app;

import java.util.OptionalInt;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.quern.Engine;
import org.quern.Model;
import org.quern.generate.Decoder;
import org.quern.ir.Graph;
import org.quern.ir.Value;
import org.quern.ir.op.Matmul;
import org.quern.model.LanguageModelGraphs;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code quern bench generate}. */
@Command(
    name = "generate",
    description = {
      "Times the reading of a prompt (prefill) and then the writing of tokens one by one (decode),"
          + " greedily, a key/value cache kept.",
      "A step is one written token for each sequence. Without --steps: at least 2 passes, and 5"
          + " seconds; a pass is a prompt and all its tokens. After each, the threads do nothing but"
          + " read the weights: no token is written faster than that."
    },
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    sortOptions = false,
    footer = {"", "Example:", "  quern bench generate --model llama-135m --prompt 512 --tokens 64"})
final class BenchGenerateCommand implements Callable<Integer> {
  private static final int PROMPT = 512;
  private static final int TOKENS = 64;
  private static final int LEAST_PASSES = 2;
  private static final double SECONDS = 5;
  private static final int MOST = 1 << 15;

  @Spec private CommandSpec spec = CommandSpec.create();
  @Mixin private BenchOptions options = new BenchOptions();

  @Option(
      names = "--prompt",
      paramLabel = "N",
      description = "Tokens of the prompt (default: 512, or what the context has room for).")
  private @Nullable Integer prompt;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "Tokens to write (default: 64, or half of the context).")
  private @Nullable Integer tokens;

  @Mixin private EngineMixin engine = new EngineMixin();

  @Override
  public Integer call() {
    options.check();
    OptionalInt givenPrompt = BenchOptions.range("--prompt", prompt, 1, MOST);
    OptionalInt givenTokens = BenchOptions.range("--tokens", tokens, 1, MOST);
    try (Engine open = engine.openForWriting();
        Model model = options.openForWriting(open)) {
      int most = model.config().contextLength();
      int room = BenchOptions.fitting(options.context().orElse(most), model);
      int written = givenTokens.orElse(Math.min(TOKENS, Math.max(1, room / 2)));
      int read = givenPrompt.orElse(Math.clamp((long) room - written, 1, PROMPT));
      if (read + written > room) {
        throw new AppException(
            "A prompt of "
                + read
                + " tokens and "
                + written
                + " more do not fit into a context of "
                + room
                + "; choose fewer.");
      }
      int batch = options.batch(1);
      int context = options.context().orElse(read + written);
      BenchReport report = new BenchReport("generate", options, open);
      report.put("batch", batch);
      report.put("context", context);
      report.put(model.config());
      try (Decoder decoder =
          new Decoder(model.backend(), model.architecture(), model.memory(), batch, context)) {
        GenerationPasses passes =
            new GenerationPasses(decoder, model.config().vocabularySize(), read, written);
        // The first pass builds the programs of each size of prompt.
        int timed = options.repetitions(1, LEAST_PASSES, SECONDS).measure(passes::run).count();
        Times decode = passes.decode(timed);
        Times prefill = passes.prefill(timed);
        report.put("prompt", read);
        report.put("tokens", written);
        report.put("passes", timed);
        report.put(decode, batch);
        double bytes =
            weightBytes(model, batch, context)
                + decoder.cache().bytes() * (read + written / 2.0) / context;
        double rate = bytes / decode.median() * 1e3;
        report.put("gb_per_second", rate / 1e9);
        passes
            .reading(timed)
            .ifPresent(reading -> {
              report.put("reading_gb_per_second", reading / 1e9);
              report.put("share_of_reading", rate / reading);
            });
        report.put("prefill_ms", prefill.median());
        report.put("prefill_spread", prefill.spread());
        report.put("prefill_tokens_per_second", (double) batch * read / prefill.median() * 1e3);
      }
      report.print(spec.commandLine().getOut());
    }
    return 0;
  }

  /** The weights that writing a token reads: those of all matrix products. */
  private static double weightBytes(Model model, int batch, int context) {
    Graph graph =
        LanguageModelGraphs.generation(
            model.architecture(),
            batch,
            1,
            context,
            model.backend().weightForm(model.memory()),
            model.backend().precision());
    return graph.nodes().stream()
        .filter(node -> node.op() instanceof Matmul)
        .map(node -> node.input(1))
        .mapToDouble(Value::bytes)
        .sum();
  }
}
