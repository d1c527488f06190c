package org.quern.generate;

import java.util.List;

/**
 * How text is generated. Without a change it is greedy: always the likeliest token.
 *
 * @param maxNewTokens the most tokens to add to the prompt; fewer where the context ends
 * @param temperature what logits are divided by before sampling; 0 takes the likeliest token
 * @param topK sample among the K likeliest; 0 for all
 * @param topP sample among the likeliest whose probabilities reach P together (Holtzman et al.
 *     2020); 1 for all
 * @param minP leave out tokens less likely than this share of the likeliest (Nguyen et al. 2024); 0
 *     for none
 * @param repetitionPenalty what the logits of tokens that have occurred are divided by where
 *     positive, and multiplied by where negative (Keskar et al. 2019); 1 for nothing
 * @param seed decides what is drawn
 * @param beams sequences kept by beam search; 1 for none
 * @param lengthPenalty the power of the length that a beam's score is divided by
 * @param stopWords texts that end the generation and are not part of it
 * @param endAtEndOfText whether the model's own end token ends the generation
 */
public record GenerationOptions(
    int maxNewTokens,
    float temperature,
    int topK,
    float topP,
    float minP,
    float repetitionPenalty,
    long seed,
    int beams,
    float lengthPenalty,
    List<String> stopWords,
    boolean endAtEndOfText) {

  /** Checks the ranges. */
  public GenerationOptions {
    stopWords = List.copyOf(stopWords);
    check(maxNewTokens >= 0, "number of new tokens", maxNewTokens, "0 or more");
    check(temperature >= 0 && temperature <= 1e4f, "temperature", temperature, "0 to 10000");
    check(topK >= 0, "top-k", topK, "0 or more");
    check(topP > 0 && topP <= 1, "top-p", topP, "above 0 and at most 1");
    check(minP >= 0 && minP <= 1, "min-p", minP, "0 to 1");
    check(
        repetitionPenalty > 0 && repetitionPenalty <= 1e4f,
        "repetition penalty",
        repetitionPenalty,
        "above 0 and at most 10000");
    check(beams >= 1 && beams <= 256, "number of beams", beams, "1 to 256");
    check(Float.isFinite(lengthPenalty), "length penalty", lengthPenalty, "a finite number");
    if (beams > 1 && temperature > 0) {
      throw new GenerationException(
          "Beam search does not sample; set the temperature to 0 or the number of beams to 1.");
    }
  }

  private static void check(boolean holds, String what, Object value, String range) {
    if (!holds) {
      throw new GenerationException("The " + what + " is " + value + "; it must be " + range + ".");
    }
  }

  /** The likeliest token each time. */
  public static GenerationOptions greedy(int maxNewTokens) {
    return new GenerationOptions(maxNewTokens, 0, 0, 1, 0, 1, 0, 1, 1, List.of(), true);
  }

  /** Draws from the model's own distribution. */
  public static GenerationOptions sampling(int maxNewTokens, float temperature, long seed) {
    return greedy(maxNewTokens).withTemperature(temperature).withSeed(seed);
  }

  /** Keeps the best sequences as it goes. */
  public static GenerationOptions beamSearch(int maxNewTokens, int beams) {
    return new GenerationOptions(maxNewTokens, 0, 0, 1, 0, 1, 0, beams, 1, List.of(), true);
  }

  /** These options with another temperature. */
  public GenerationOptions withTemperature(float value) {
    return new GenerationOptions(
        maxNewTokens,
        value,
        topK,
        topP,
        minP,
        repetitionPenalty,
        seed,
        beams,
        lengthPenalty,
        stopWords,
        endAtEndOfText);
  }

  /** These options with another top-k. */
  public GenerationOptions withTopK(int value) {
    return new GenerationOptions(
        maxNewTokens,
        temperature,
        value,
        topP,
        minP,
        repetitionPenalty,
        seed,
        beams,
        lengthPenalty,
        stopWords,
        endAtEndOfText);
  }

  /** These options with another top-p. */
  public GenerationOptions withTopP(float value) {
    return new GenerationOptions(
        maxNewTokens,
        temperature,
        topK,
        value,
        minP,
        repetitionPenalty,
        seed,
        beams,
        lengthPenalty,
        stopWords,
        endAtEndOfText);
  }

  /** These options with another min-p. */
  public GenerationOptions withMinP(float value) {
    return new GenerationOptions(
        maxNewTokens,
        temperature,
        topK,
        topP,
        value,
        repetitionPenalty,
        seed,
        beams,
        lengthPenalty,
        stopWords,
        endAtEndOfText);
  }

  /** These options with another repetition penalty. */
  public GenerationOptions withRepetitionPenalty(float value) {
    return new GenerationOptions(
        maxNewTokens,
        temperature,
        topK,
        topP,
        minP,
        value,
        seed,
        beams,
        lengthPenalty,
        stopWords,
        endAtEndOfText);
  }

  /** These options with another seed. */
  public GenerationOptions withSeed(long value) {
    return new GenerationOptions(
        maxNewTokens,
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        value,
        beams,
        lengthPenalty,
        stopWords,
        endAtEndOfText);
  }

  /** These options with another length penalty. */
  public GenerationOptions withLengthPenalty(float value) {
    return new GenerationOptions(
        maxNewTokens,
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        seed,
        beams,
        value,
        stopWords,
        endAtEndOfText);
  }

  /** These options with other stop words. */
  public GenerationOptions withStopWords(List<String> words) {
    return new GenerationOptions(
        maxNewTokens,
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        seed,
        beams,
        lengthPenalty,
        words,
        endAtEndOfText);
  }

  /** These options, going on after the model's own end token or not. */
  public GenerationOptions withEndAtEndOfText(boolean value) {
    return new GenerationOptions(
        maxNewTokens,
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        seed,
        beams,
        lengthPenalty,
        stopWords,
        value);
  }
}
