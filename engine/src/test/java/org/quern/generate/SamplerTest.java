package org.quern.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is drawn, how often, and what is refused. */
class SamplerTest {
  private static final int DRAWS = 40_000;

  /** Five standard deviations of a share that is drawn {@link #DRAWS} times, at most. */
  private static final double NEAR = 5 * 0.5 / Math.sqrt(DRAWS);

  /** Logits whose softmax is these probabilities. */
  private static MemorySegment logits(double... probabilities) {
    float[] values = new float[probabilities.length];
    for (int id = 0; id < values.length; id++) {
      values[id] = (float) (Math.log(probabilities[id]) + 3);
    }
    return MemorySegment.ofArray(values);
  }

  private static GenerationOptions sampling(float temperature) {
    return GenerationOptions.sampling(1, temperature, 20240607);
  }

  private static double[] shares(GenerationOptions options, double... probabilities) {
    MemorySegment row = logits(probabilities);
    Sampler sampler = new Sampler(options, probabilities.length);
    double[] shares = new double[probabilities.length];
    for (int draw = 0; draw < DRAWS; draw++) {
      shares[sampler.next(row)] += 1.0 / DRAWS;
    }
    return shares;
  }

  private static void check(double[] shares, double... expected) {
    assertThat(shares).hasSameSizeAs(expected);
    double total = Arrays.stream(expected).sum();
    for (int id = 0; id < expected.length; id++) {
      if (expected[id] == 0) {
        assertThat(shares[id]).as("token %d", id).isZero();
      } else {
        assertThat(shares[id]).as("token %d", id).isCloseTo(expected[id] / total, within(NEAR));
      }
    }
  }

  @Test
  void theModelsOwnDistributionIsDrawn() {
    check(shares(sampling(1), 0.1, 0.4, 0.05, 0.25, 0.2), 0.1, 0.4, 0.05, 0.25, 0.2);
  }

  @ParameterizedTest
  @ValueSource(floats = {0.5f, 0.8f, 1.5f, 3f})
  void temperatureIsAPower(float temperature) {
    double[] probabilities = {0.1, 0.4, 0.05, 0.25, 0.2};
    double[] expected =
        Arrays.stream(probabilities).map(p -> Math.pow(p, 1 / temperature)).toArray();
    check(shares(sampling(temperature), probabilities), expected);
  }

  @Test
  void aTinyTemperatureIsGreedyAndAHugeOneIsEven() {
    check(shares(sampling(1e-30f), 0.1, 0.4, 0.39, 0.11), 0, 1, 0, 0);
    check(shares(sampling(1e4f), 0.1, 0.4, 0.39, 0.11), 1, 1, 1, 1);
  }

  @Test
  void topKKeepsTheLikeliest() {
    double[] probabilities = {0.1, 0.4, 0.05, 0.25, 0.2};
    check(shares(sampling(1).withTopK(3), probabilities), 0, 0.4, 0, 0.25, 0.2);
    check(shares(sampling(1).withTopK(1), probabilities), 0, 1, 0, 0, 0);
    check(shares(sampling(1).withTopK(99), probabilities), probabilities);
  }

  @Test
  void topPKeepsTheFewestThatReachIt() {
    double[] probabilities = {0.1, 0.4, 0.05, 0.25, 0.2};
    check(shares(sampling(1).withTopP(0.66f), probabilities), 0, 0.4, 0, 0.25, 0.2);
    check(shares(sampling(1).withTopP(0.64f), probabilities), 0, 0.4, 0, 0.25, 0);
    check(shares(sampling(1).withTopP(1e-6f), probabilities), 0, 1, 0, 0, 0);
    check(shares(sampling(1).withTopP(0.999f), probabilities), probabilities);
  }

  @Test
  void minPIsAShareOfTheLikeliest() {
    double[] probabilities = {0.1, 0.4, 0.05, 0.25, 0.2};
    check(shares(sampling(1).withMinP(0.24f), probabilities), 0.1, 0.4, 0, 0.25, 0.2);
    check(shares(sampling(1).withMinP(0.26f), probabilities), 0, 0.4, 0, 0.25, 0.2);
    check(shares(sampling(1).withMinP(1), probabilities), 0, 1, 0, 0, 0);
  }

  /** Of 0.4, 0.3, 0.2, 0.1 the first three are 4/9, 3/9, 2/9; two of them reach 0.7. */
  @Test
  void topPLooksAtWhatTopKLeft() {
    GenerationOptions options = sampling(1).withTopK(3).withTopP(0.75f);
    check(shares(options, 0.4, 0.3, 0.2, 0.1), 0.4, 0.3, 0, 0);
    check(shares(options.withTopP(0.78f), 0.4, 0.3, 0.2, 0.1), 0.4, 0.3, 0.2, 0);
    check(shares(options.withTopP(0.78f).withMinP(0.6f), 0.4, 0.3, 0.2, 0.1), 0.4, 0.3, 0, 0);
  }

  @Test
  void temperatureComesBeforeTopP() {
    // Squared, 0.4 and 0.3 are 0.16 and 0.09 of 0.30: more than four fifths.
    GenerationOptions options = sampling(0.5f).withTopP(0.8f);
    check(shares(options, 0.4, 0.3, 0.2, 0.1), 0.16, 0.09, 0, 0);
  }

  @Test
  void tokensWithoutProbabilityAreNeverDrawn() {
    check(shares(sampling(1), 0, 0.5, 0, 0.5, 0), 0, 0.5, 0, 0.5, 0);
    check(shares(sampling(1).withTopK(4), 0, 0.5, 0, 0.5, 0), 0, 0.5, 0, 0.5, 0);
  }

  @Test
  void repetitionIsPenalizedOnBothSidesOfZero() {
    GenerationOptions options = GenerationOptions.greedy(1).withRepetitionPenalty(2);
    Sampler positive = new Sampler(options, 2);
    MemorySegment row = MemorySegment.ofArray(new float[] {3, 2});
    assertThat(positive.next(row)).isEqualTo(0);
    // 3 / 2 is below 2; then 2 / 2 is below 3 / 2.
    assertThat(positive.next(row)).isEqualTo(1);
    assertThat(positive.next(row)).isEqualTo(0);
    Sampler negative = new Sampler(options, 2);
    MemorySegment below = MemorySegment.ofArray(new float[] {-2, -3});
    assertThat(negative.next(below)).isEqualTo(0);
    // -2 * 2 is below -3; then -3 * 2 is below -2 * 2.
    assertThat(negative.next(below)).isEqualTo(1);
    assertThat(negative.next(below)).isEqualTo(0);
    Sampler prompted = new Sampler(options, 2);
    prompted.see(0);
    assertThat(prompted.next(row)).isEqualTo(1);
    assertThat(row.toArray(java.lang.foreign.ValueLayout.JAVA_FLOAT)).containsExactly(3, 2);
  }

  @Test
  void theLikeliestOfEqualsIsTheFirst() {
    Sampler sampler = new Sampler(GenerationOptions.greedy(1), 4);
    assertThat(sampler.next(MemorySegment.ofArray(new float[] {1, 5, 5, 2}))).isEqualTo(1);
  }

  @Test
  void theSeedDecides() {
    assertThat(draws(7)).isEqualTo(draws(7)).isNotEqualTo(draws(8));
  }

  private static List<Integer> draws(long seed) {
    Sampler sampler = new Sampler(sampling(1).withSeed(seed).withTopP(0.9f), 50);
    MemorySegment row = logits(IntStream.range(0, 50).mapToDouble(id -> 1 + id % 7).toArray());
    List<Integer> draws = new ArrayList<>();
    for (int draw = 0; draw < 100; draw++) {
      draws.add(sampler.next(row));
    }
    return draws;
  }

  @ParameterizedTest
  @ValueSource(floats = {0, 1})
  void logitsThatAreNotFiniteAreRefused(float temperature) {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      MemorySegment row = MemorySegment.ofArray(new float[] {bad, bad, bad});
      assertThatThrownBy(() -> new Sampler(sampling(temperature), 3).next(row))
          .isInstanceOf(GenerationException.class)
          .hasMessageContaining("not finite");
    }
  }

  @Test
  void whatIsOutOfRangeIsRefused() {
    GenerationOptions options = GenerationOptions.greedy(1);
    float[] never = {Float.NaN, Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY, -1};
    for (float bad : never) {
      refused(() -> options.withTemperature(bad), "temperature");
      refused(() -> options.withTopP(bad), "top-p");
      refused(() -> options.withMinP(bad), "min-p");
      refused(() -> options.withRepetitionPenalty(bad), "repetition penalty");
    }
    refused(() -> options.withTemperature(999_999), "temperature");
    refused(() -> options.withTopP(0), "top-p");
    refused(() -> options.withTopP(1.01f), "top-p");
    refused(() -> options.withMinP(1.01f), "min-p");
    refused(() -> options.withRepetitionPenalty(0), "repetition penalty");
    refused(() -> options.withTopK(-1), "top-k");
    refused(() -> options.withLengthPenalty(Float.NaN), "length penalty");
    refused(() -> GenerationOptions.greedy(-1), "number of new tokens");
    refused(() -> GenerationOptions.beamSearch(1, 0), "number of beams");
    refused(() -> GenerationOptions.beamSearch(1, 257), "number of beams");
    assertThatThrownBy(() -> GenerationOptions.beamSearch(1, 2).withTemperature(1))
        .isInstanceOf(GenerationException.class)
        .hasMessageContaining("Beam search does not sample");
  }

  private static void refused(java.util.concurrent.Callable<?> make, String what) {
    assertThatThrownBy(make::call)
        .isInstanceOf(GenerationException.class)
        .hasMessageStartingWith("The " + what + " is ")
        .hasMessageEndingWith(".");
  }
}
