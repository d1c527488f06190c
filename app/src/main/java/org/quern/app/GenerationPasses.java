package org.quern.app;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;
import org.quern.generate.Decoder;

/** Reads a prompt and writes tokens after it, greedily, as often as asked, and times both. */
final class GenerationPasses {
  private final Decoder decoder;
  private final int vocabulary;
  private final int[] prompt;
  private final int[] next;
  private final int tokens;
  private final List<Long> prefill = new ArrayList<>();
  private final List<Long> decode = new ArrayList<>();
  private final List<Double> reading = new ArrayList<>();

  GenerationPasses(Decoder decoder, int vocabulary, int promptTokens, int tokens) {
    this.decoder = decoder;
    this.vocabulary = vocabulary;
    this.tokens = tokens;
    prompt = new Random(1).ints(promptTokens, 0, vocabulary).toArray();
    next = new int[decoder.batch()];
  }

  void run() {
    decoder.truncate(0);
    long start = System.nanoTime();
    choose(decoder.feed(prompt));
    long before = System.nanoTime();
    prefill.add(before - start);
    for (int token = 0; token < tokens; token++) {
      choose(decoder.feedEach(next));
      long now = System.nanoTime();
      decode.add(now - before);
      before = now;
    }
    decoder.measureReading().ifPresent(reading::add);
  }

  private void choose(MemorySegment logits) {
    for (int row = 0; row < next.length; row++) {
      long first = (long) row * vocabulary;
      int best = 0;
      float most = Float.NEGATIVE_INFINITY;
      for (int id = 0; id < vocabulary; id++) {
        float logit = logits.getAtIndex(JAVA_FLOAT, first + id);
        if (logit > most) {
          most = logit;
          best = id;
        }
      }
      next[row] = best;
    }
  }

  /**
   * Bytes a second at which the threads read the weights after each of the last so many passes: the
   * median; empty for few weights.
   */
  OptionalDouble reading(int passes) {
    if (reading.isEmpty()) {
      return OptionalDouble.empty();
    }
    double[] last =
        reading.subList(reading.size() - passes, reading.size()).stream()
            .mapToDouble(Double::doubleValue)
            .sorted()
            .toArray();
    return OptionalDouble.of(last[passes / 2]);
  }

  /** How long the last so many passes took to read the prompt. */
  Times prefill(int passes) {
    return last(prefill, passes);
  }

  /** How long each token of the last so many passes took. */
  Times decode(int passes) {
    return last(decode, passes * tokens);
  }

  private static Times last(List<Long> nanos, int count) {
    return Times.of(
        nanos.subList(nanos.size() - count, nanos.size()).stream()
            .mapToLong(Long::longValue)
            .toArray(),
        count);
  }
}
