package org.quern.app;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code quern bench compare}. */
@Command(
    name = "compare",
    description = {
      "Measures Quern beside others on this machine: PyTorch's library, and PyTorch itself where"
          + " python3 has it, for training; MKL and oneDNN for products; llama.cpp, ONNX Runtime"
          + " and Jlama for writing.",
      "Each runs in a process of its own, one at a time, in turn, round after round; medians over"
          + " the rounds. What cannot take part is named with the reason. Their libraries, some"
          + " 400 MB, are fetched by Maven the first time.",
      "Leaves a picture of the ratios, and a line for each contest in a history file."
    },
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  quern bench compare",
      "  quern bench compare train --model gpt-char --batch 12 --context 64 --rounds 5",
      "  quern bench compare all --rounds 3"
    })
final class BenchCompareCommand implements Callable<Integer> {
  private static final int MOST = 1 << 15;
  private static final String ALL = "all";
  private static final List<String> PRECISIONS = List.of("f32", "bf16");

  @Spec private CommandSpec spec = CommandSpec.create();

  @Parameters(
      arity = "0..1",
      paramLabel = "WORK",
      description =
          "train, matmul or generate (default: products and training of gpt2-124m, training of"
              + " gpt-char, and writing with llama-135m); or all: these in f32 and bf16, training"
              + " of 4 x 256 and 1 x 1024 too, and writing with llama-1.1b, most of an hour a round.")
  private @Nullable String work;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      description = "With WORK: a size or a model's folder, as for 'quern bench train'.")
  private @Nullable String model;

  @Option(names = "--batch", paramLabel = "N", description = "With WORK: sequences side by side.")
  private @Nullable Integer batch;

  @Option(
      names = "--context",
      paramLabel = "N",
      description =
          "With WORK: tokens of each (default: 64, and 576 for writing, or what the model has room"
              + " for).")
  private @Nullable Integer context;

  @Option(
      names = "--precision",
      paramLabel = "TYPE",
      description = "What we compute matrix products in: f32 or bf16 (default: f32).")
  private @Nullable String precision;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of each (default: the processors of this process).")
  private @Nullable Integer threads;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "3",
      description = "Processes of each (default: ${DEFAULT-VALUE}).")
  private int rounds = 3;

  @Option(
      names = "--limit",
      paramLabel = "MINUTES",
      defaultValue = "15",
      description =
          "How long a process may take; a peer that takes longer is left out"
              + " (default: ${DEFAULT-VALUE}).")
  private int limit = 15;

  @Option(
      names = "--peer",
      paramLabel = "NAME",
      description =
          "Only this one, or none; may be given several times: libtorch, pytorch,"
              + " pytorch-compiled, pytorch-best, mkl, onednn, llama.cpp, onnxruntime, jlama,"
              + " transformers, transformers-compiled.")
  private List<String> peers = List.of();

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "runs/bench",
      description = "Where picture and history go (default: ${DEFAULT-VALUE}).")
  private Path out = Path.of("runs/bench");

  @Option(names = "--json", description = "Print the lines of the history, rather than tables.")
  private boolean json;

  @Override
  public Integer call() {
    List<Contest> contests = contests();
    checkPeers();
    PrintWriter print = spec.commandLine().getOut();
    Console console = new Console(print, spec.commandLine().getErr(), false);
    History history = new History(out);
    Path picture =
        history
            .folder()
            .resolve(
                contests.size() == 1 ? contests.getFirst().fileName() + ".png" : "compare.png");
    List<ContestResult> results = new ArrayList<>();
    for (Contest contest : contests) {
      Contestants who = new Contestants(contest, built(), peers);
      ContestResult result =
          new ContestRunner(contest, Duration.ofMinutes(limit), console)
              .run(who.present(), who.absent(), rounds);
      results.add(result);
      Map<String, Object> line = History.line();
      line.put("contests", List.of(result.toJson()));
      String text = History.json(line);
      if (json) {
        print.println(text);
      } else {
        result.print(print);
      }
      print.flush();
      // After each, since all of them take hours.
      history.append(text);
      new ContestChart(results).write(picture);
    }
    if (!json) {
      print.println();
      print.println("Picture: " + picture + "; history: " + history.file() + ".");
      print.flush();
    }
    return 0;
  }

  private List<Contest> contests() {
    String type = Optional.ofNullable(precision).orElse("f32");
    if (!PRECISIONS.contains(type)) {
      throw new AppException(
          "There is no precision " + type + " to compare in; choose f32 or bf16.");
    }
    BenchOptions.range("--rounds", rounds, 1, MOST);
    BenchOptions.range("--limit", limit, 1, MOST);
    int workers =
        BenchOptions.range("--threads", threads, 1, MOST)
            .orElse(Runtime.getRuntime().availableProcessors());
    Optional<String> given = Optional.ofNullable(work);
    if (given.isEmpty()) {
      if (model != null || batch != null || context != null) {
        throw new AppException(
            "--model, --batch and --context need a WORK before them: train, matmul or generate.");
      }
      return Contest.usual(type, workers);
    }
    if (given.get().equals(ALL)) {
      if (model != null || batch != null || context != null || precision != null) {
        throw new AppException(
            "All contests have models, sizes and precisions of their own; leave out --model,"
                + " --batch, --context and --precision, or choose train, matmul or generate.");
      }
      return Contest.all(workers);
    }
    Contest.Work what =
        Contest.Work.find(given.get())
            .orElseThrow(() ->
                new AppException(
                    "There is no work "
                        + given.get()
                        + " to compare; choose train, matmul, generate or all."));
    boolean writing = what == Contest.Work.GENERATE;
    String name = Optional.ofNullable(model).orElse(writing ? "llama-135m" : "gpt2-124m");
    int usual = Math.min(writing ? 576 : 64, ModelPath.context(name));
    return List.of(
        new Contest(
            what,
            name,
            BenchOptions.range("--batch", batch, 1, MOST).orElse(writing ? 1 : 4),
            BenchOptions.range("--context", context, 1, MOST).orElse(usual),
            type,
            workers));
  }

  private void checkPeers() {
    for (String peer : peers) {
      if (!peer.equals("none") && !Contestants.names().contains(peer)) {
        throw new AppException(
            "There is no peer "
                + peer
                + "; choose none or some of "
                + String.join(", ", Contestants.names())
                + ".");
      }
    }
  }

  /** Where the script that starts us has built the peers. */
  private static Path built() {
    return Path.of(System.getProperty("quern.peers", "bench/peers/target"));
  }
}
