package org.quern.app;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.quern.Engine;
import org.quern.Model;
import org.quern.ModelReading;
import org.quern.generate.Generation;
import org.quern.generate.GenerationOptions;
import org.quern.profile.Profiler;
import org.quern.profile.Roofline;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code quern generate}. */
@Command(
    name = "generate",
    description = "Continues a text with a model, printing it as it comes.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    footer = {
      "",
      "Examples:",
      "  quern generate models/stories260k 'Once upon a time' --temperature 0.8 --seed 7",
      "  quern generate runs/last --profile"
    })
final class GenerateCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;
  @Mixin private EngineMixin engine = new EngineMixin();

  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description = "A model's folder (config.json, model.safetensors, tokenizer.json) or a run's.")
  private Path model = Path.of("");

  @Parameters(
      index = "1",
      paramLabel = "PROMPT",
      defaultValue = "Once upon a time",
      description = "The text to continue; - reads it from the standard input.")
  private String prompt = "Once upon a time";

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      defaultValue = "200",
      description = "Most new tokens (default: ${DEFAULT-VALUE}).")
  private int maxTokens = 200;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      defaultValue = "0",
      description = "0 takes the likeliest token; 1 draws as the model says (default: 0).")
  private float temperature;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      defaultValue = "0",
      description = "Draw among the K likeliest tokens; 0 for all.")
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      defaultValue = "1",
      description = "Draw among the likeliest that together have this probability.")
  private float topP = 1;

  @Option(
      names = "--min-p",
      paramLabel = "P",
      defaultValue = "0",
      description = "Leave out tokens below this share of the likeliest's probability.")
  private float minP;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "R",
      defaultValue = "1",
      description = "Above 1 makes tokens that have occurred less likely.")
  private float repetitionPenalty = 1;

  @Option(
      names = "--beams",
      paramLabel = "N",
      defaultValue = "1",
      description = "Beam search with so many sequences.")
  private int beams = 1;

  @Option(
      names = "--length-penalty",
      paramLabel = "X",
      defaultValue = "1",
      description = "Of beam search: above 1 favours longer texts.")
  private float lengthPenalty = 1;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1337",
      description = "Decides what is drawn (default: ${DEFAULT-VALUE}).")
  private long seed = 1337;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "End before this text; may be given several times.")
  private List<String> stopWords = List.of();

  @Option(names = "--ignore-end", description = "Go on after the model's own end of text.")
  private boolean ignoreEnd;

  @Option(
      names = "--profile",
      description = "Time each operation, and print a table of where the time went.")
  private boolean profiled;

  /** Sets an option of one value from plain text; whether that is known and plain. */
  boolean set(String name, String value) {
    switch (name) {
      case "--backend", "--max-isa", "--precision", "--threads" -> {
        return engine.set(name, value);
      }
      case "--max-tokens", "--top-k", "--beams", "--seed" -> {
        return PlainCall.isWhole(value) && setWhole(name, Integer.parseInt(value));
      }
      default -> {
        return PlainCall.isDecimal(value) && setDecimal(name, Float.parseFloat(value));
      }
    }
  }

  private boolean setWhole(String name, int value) {
    switch (name) {
      case "--max-tokens" -> maxTokens = value;
      case "--top-k" -> topK = value;
      case "--beams" -> beams = value;
      default -> seed = value;
    }
    return true;
  }

  private boolean setDecimal(String name, float value) {
    switch (name) {
      case "--temperature" -> temperature = value;
      case "--top-p" -> topP = value;
      case "--min-p" -> minP = value;
      case "--repetition-penalty" -> repetitionPenalty = value;
      case "--length-penalty" -> lengthPenalty = value;
      default -> {
        return false;
      }
    }
    return true;
  }

  /** Sets what is given without a name: the model, and perhaps the prompt; whether that is all. */
  boolean setTexts(List<String> texts) {
    if (texts.isEmpty() || texts.size() > 2) {
      return false;
    }
    model = Path.of(texts.getFirst());
    if (texts.size() == 2) {
      prompt = texts.get(1);
    }
    return true;
  }

  @Override
  public Integer call() {
    CommandLine command = Objects.requireNonNull(spec, "Picocli sets it").commandLine();
    return run(command.getOut(), command.getErr());
  }

  /** Does it, and prints there; 0, the exit code. */
  int run(PrintWriter out, PrintWriter err) {
    GenerationOptions options =
        new GenerationOptions(
            maxTokens,
            temperature,
            topK,
            topP,
            minP,
            repetitionPenalty,
            seed,
            beams,
            lengthPenalty,
            stopWords,
            !ignoreEnd);
    refuseWithoutEffect();
    String text = Input.text(prompt);
    try (ModelReading reading = ModelReading.start(ModelPath.resolve(model));
        Engine open = engine.openForWriting();
        Model loaded = open.load(reading)) {
      Optional<Roofline> roofline =
          profiled ? Optional.of(open.measureRoofline()) : Optional.empty();
      generate(open, loaded, text, options, roofline, out, err);
    }
    return 0;
  }

  /** Who comes from programs that draw by default would take the likeliest text for a drawn one. */
  private void refuseWithoutEffect() {
    if (temperature == 0 && (topK != 0 || topP != 1 || minP != 0)) {
      throw new AppException(
          "Without --temperature the likeliest token is taken, and --top-k, --top-p and --min-p have no effect;"
              + " add --temperature 0.8, or leave them out.");
    }
    if (beams == 1 && lengthPenalty != 1) {
      throw new AppException(
          "--length-penalty has no effect on a single sequence; add --beams 4, or leave it out.");
    }
  }

  private static void generate(
      Engine open,
      Model loaded,
      String text,
      GenerationOptions options,
      Optional<Roofline> roofline,
      PrintWriter out,
      PrintWriter err) {
    Optional<Profiler> profiler = roofline.map(measured -> open.profile());
    // With the first new text, not before: until then the prompt may be refused.
    AtomicReference<String> begin = new AtomicReference<>(text);
    Generation generation =
        loaded.generate(
            text,
            options,
            piece -> {
              out.print(begin.getAndSet("") + piece);
              return !out.checkError();
            });
    out.println(begin.get());
    out.flush();
    open.describe().precisionReason().ifPresent(err::println);
    err.println(summary(generation));
    profiler.ifPresent(done -> {
      done.close();
      Profiles.print(err, done, roofline.orElseThrow());
    });
  }

  private static String summary(Generation generation) {
    String end =
        switch (generation.reason()) {
          case LENGTH -> "";
          case CONTEXT -> "; the model's context is full";
          case END_OF_TEXT -> "; the model ended the text";
          case STOP_WORD -> "; ended at a stop word";
          case CANCELLED -> "; cancelled";
        };
    return String.format(
        Locale.ROOT,
        "[%d prompt tokens in %.3f s, %d new tokens, %.1f tokens/s%s]",
        generation.promptTokens(),
        generation.prefillSeconds(),
        generation.ids().size(),
        generation.tokensPerSecond(),
        end);
  }
}
