package org.quern.data;

import org.quern.text.StreamingDecoder;
import org.quern.text.Tokenizer;

/**
 * What is known of a text before anything is learned.
 *
 * @param tokens how many tokens
 * @param characters how many Unicode characters they stand for
 * @param unigramEntropy nats a token of the text's own token frequencies: what a model reaches that
 *     knows frequencies and no order
 */
public record CorpusStatistics(long tokens, long characters, double unigramEntropy) {

  /** Characters a token: a loss in nats a token divided by it is one in nats a character. */
  public double charactersPerToken() {
    return (double) characters / tokens;
  }

  /** Counts tokens and decodes them, in one pass. */
  public static CorpusStatistics of(TokenSpan tokens, Tokenizer tokenizer) {
    long[] counts = new long[tokens.vocabularySize()];
    StreamingDecoder decoder = tokenizer.streamingDecoder();
    long characters = 0;
    for (long i = 0; i < tokens.count(); i++) {
      int id = tokens.get(i);
      counts[id]++;
      characters += length(decoder.push(id));
    }
    characters += length(decoder.finish());
    return new CorpusStatistics(tokens.count(), characters, entropy(counts, tokens.count()));
  }

  /** The entropy of the token frequencies alone, in nats a token. */
  public static double unigramEntropy(TokenSpan tokens) {
    long[] counts = new long[tokens.vocabularySize()];
    for (long i = 0; i < tokens.count(); i++) {
      counts[tokens.get(i)]++;
    }
    return entropy(counts, tokens.count());
  }

  private static int length(String text) {
    return text.codePointCount(0, text.length());
  }

  private static double entropy(long[] counts, long total) {
    double sum = 0;
    for (long count : counts) {
      if (count > 0) {
        sum += count * Math.log(count);
      }
    }
    return total == 0 ? 0 : Math.log(total) - sum / total;
  }
}
