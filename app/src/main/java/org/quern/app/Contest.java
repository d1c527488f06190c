package org.quern.app;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What is measured side by side: the same work for everyone.
 *
 * @param work what is done
 * @param model a preset's name or a model's folder
 * @param batch sequences side by side
 * @param context tokens of each, of a training's or a product's rows
 * @param precision what is computed in
 * @param threads how many each may use
 */
record Contest(Work work, String model, int batch, int context, String precision, int threads) {
  /** What can be compared. */
  enum Work {
    /** Steps of training. */
    TRAIN,
    /** Matrix products of such a step. */
    MATMUL,
    /** Reading a prompt and writing tokens. */
    GENERATE;

    /** As it is written on the command line. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }

    static Optional<Work> find(String name) {
      return List.of(values()).stream().filter(work -> work.toString().equals(name)).findFirst();
    }
  }

  /** What is compared where nothing is asked for. */
  static List<Contest> usual(String precision, int threads) {
    return List.of(
        new Contest(Work.MATMUL, "gpt2-124m", 4, 64, precision, threads),
        new Contest(Work.TRAIN, "gpt-char", 12, 64, precision, threads),
        new Contest(Work.TRAIN, "gpt2-124m", 4, 64, precision, threads),
        new Contest(Work.GENERATE, "llama-135m", 1, 576, precision, threads));
  }

  /** All that a CPU's engine is judged by; most of an hour a round. */
  static List<Contest> all(int threads) {
    List<Contest> contests = new ArrayList<>();
    for (String precision : List.of("f32", "bf16")) {
      contests.add(new Contest(Work.TRAIN, "gpt-char", 12, 64, precision, threads));
      contests.add(new Contest(Work.MATMUL, "gpt2-124m", 4, 64, precision, threads));
      contests.add(new Contest(Work.TRAIN, "gpt2-124m", 4, 64, precision, threads));
      contests.add(new Contest(Work.TRAIN, "gpt2-124m", 4, 256, precision, threads));
      contests.add(new Contest(Work.TRAIN, "gpt2-124m", 1, 1024, precision, threads));
      contests.add(new Contest(Work.GENERATE, "llama-135m", 1, 576, precision, threads));
    }
    contests.add(new Contest(Work.GENERATE, "llama-1.1b", 1, 576, "bf16", threads));
    return List.copyOf(contests);
  }

  /** The arguments of our own benchmark of this work. */
  List<String> arguments() {
    List<String> arguments =
        new ArrayList<>(List.of("bench", work.toString(), "--model", model, "--json"));
    option(arguments, "--batch", batch);
    option(arguments, "--context", context);
    option(arguments, "--precision", precision);
    option(arguments, "--threads", threads);
    return arguments;
  }

  static void option(List<String> arguments, String name, Object value) {
    arguments.add(name);
    arguments.add(value.toString());
  }

  /** A name for files: letters, digits and dashes. */
  String fileName() {
    String words = String.join("-", work.toString(), model, batch + "x" + context);
    return (words + "-" + precision).replaceAll("[^A-Za-z0-9.]+", "-").replaceAll("^-+|-+$", "");
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%s, %s, %d x %d, %s, threads: %d",
        work,
        model,
        batch,
        context,
        precision,
        threads);
  }
}
