package org.quern.peers;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Passes of reading a prompt and writing tokens greedily, timed as Quern's own benchmark does. */
final class Passes {
  private static final int LEAST_WARMUP = 1;
  private static final int LEAST = 2;
  private static final double SECONDS = 5;

  /** One that reads and writes; both return the likeliest next token. */
  interface Generator {
    /** Forgets everything and reads a prompt. */
    int read(int[] prompt);

    /** Reads a token. */
    int write(int token);
  }

  private final Generator generator;
  private final int[] prompt;
  private final int tokens;
  private final List<Double> prefill = new ArrayList<>();
  private final List<Double> decode = new ArrayList<>();

  /** Options: {@code --prompt, --tokens, --vocabulary}. */
  Passes(Options options, Generator generator) {
    this.generator = generator;
    prompt =
        new Random(1).ints(options.number("prompt"), 0, options.number("vocabulary")).toArray();
    tokens = options.number("tokens");
  }

  /** Times passes; what came of it, as members of a JSON object. */
  List<String> measure(String peer) {
    int timed = Measure.repeat(this::pass, LEAST_WARMUP, LEAST, SECONDS).length;
    double read = Measure.median(last(prefill, timed));
    double token = Measure.median(last(decode, timed * tokens));
    return List.of(
        Measure.member("peer", peer),
        Measure.member("ms_per_step", token),
        Measure.member("tokens_per_second", 1e3 / token),
        Measure.member("prefill_ms", read),
        Measure.member("prefill_tokens_per_second", prompt.length / read * 1e3));
  }

  private void pass() {
    long start = System.nanoTime();
    int next = generator.read(prompt);
    long before = System.nanoTime();
    prefill.add((before - start) / 1e6);
    for (int token = 0; token < tokens; token++) {
      next = generator.write(next);
      long now = System.nanoTime();
      decode.add((now - before) / 1e6);
      before = now;
    }
  }

  private static double[] last(List<Double> times, int count) {
    return times.subList(times.size() - count, times.size()).stream()
        .mapToDouble(Double::doubleValue)
        .sorted()
        .toArray();
  }
}
