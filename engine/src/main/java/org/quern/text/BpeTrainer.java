package org.quern.text;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * Learns a {@link BpeTokenizer} from text: the most frequent pair of neighbours within words is
 * merged, again and again; among equals the pair of the lesser ids. The same text gives the same
 * tokenizer, however it was cut into pieces at word boundaries.
 *
 * <p>Memory follows the number of different words, which is bounded too: beyond {@value
 * #MOST_WORDS} the rarest are forgotten.
 */
public final class BpeTrainer {
  /** The token that ends a text, with the last id. */
  public static final String END_OF_TEXT = "<|endoftext|>";

  private static final int MOST_WORDS = 4_000_000;
  private static final int LEAST_VOCABULARY = 257;
  private static final int MOST_VOCABULARY = 1 << 24;

  private static final class Count {
    private long value;
  }

  private final int vocabularySize;
  private final long leastFrequency;
  private Map<String, Count> words = new HashMap<>();
  private long forgetBelow = 2;

  /**
   * A trainer for a vocabulary of 256 bytes, the merges, and {@value #END_OF_TEXT}. The text may
   * have fewer pairs than asked for; the vocabulary is smaller then.
   *
   * @param vocabularySize at least 257
   * @throws TokenizerException for a size out of range
   */
  public BpeTrainer(int vocabularySize) {
    this(vocabularySize, 2);
  }

  /**
   * As above, merging only pairs that occur at least {@code leastFrequency} times (2 otherwise).
   *
   * @throws TokenizerException for a size out of range
   */
  public BpeTrainer(int vocabularySize, long leastFrequency) {
    if (vocabularySize < LEAST_VOCABULARY || vocabularySize > MOST_VOCABULARY) {
      throw new TokenizerException(
          "A byte-level BPE vocabulary has "
              + LEAST_VOCABULARY
              + " to "
              + MOST_VOCABULARY
              + " tokens, not "
              + vocabularySize
              + "; ask for a size in between.");
    }
    this.vocabularySize = vocabularySize;
    this.leastFrequency = Math.max(1, leastFrequency);
  }

  /** Counts the words of a piece of text. */
  public void add(String piece) {
    String text = Texts.wellFormed(piece);
    int start = 0;
    while (start < text.length()) {
      int end = Gpt2Splitter.wordEnd(text, start);
      words.computeIfAbsent(text.substring(start, end), word -> new Count()).value++;
      start = end;
    }
    while (words.size() > MOST_WORDS) {
      long least = forgetBelow;
      words.values().removeIf(count -> count.value < least);
      forgetBelow *= 2;
    }
  }

  /**
   * Learns the merges and makes the tokenizer.
   *
   * @throws TokenizerException if no text was added
   */
  public BpeTokenizer train() {
    if (words.isEmpty()) {
      throw new TokenizerException(
          "A BPE tokenizer needs text to learn from; give it one that is not empty.");
    }
    List<Map.Entry<String, Count>> sorted = new ArrayList<>(words.entrySet());
    sorted.sort(Map.Entry.comparingByKey(Comparator.naturalOrder()));
    words = new HashMap<>();
    BpeLearner learner = new BpeLearner(sorted.size());
    for (Map.Entry<String, Count> word : sorted) {
      learner.add(word.getKey().getBytes(StandardCharsets.UTF_8), word.getValue().value);
    }
    sorted.clear();
    return tokenizer(learner, learner.learn(vocabularySize - LEAST_VOCABULARY, leastFrequency));
  }

  private static BpeTokenizer tokenizer(BpeLearner learner, int merges) {
    int endOfText = 256 + merges;
    byte[][] tokens = new byte[endOfText + 1][];
    int[] byteIds = new int[256];
    for (int b = 0; b < 256; b++) {
      tokens[b] = new byte[] {(byte) b};
      byteIds[b] = b;
    }
    int[] lefts = learner.lefts();
    int[] rights = learner.rights();
    int[] results = new int[merges];
    for (int rank = 0; rank < merges; rank++) {
      byte[] left = tokens[lefts[rank]];
      byte[] right = tokens[rights[rank]];
      byte[] both = Arrays.copyOf(left, left.length + right.length);
      System.arraycopy(right, 0, both, left.length, right.length);
      results[rank] = 256 + rank;
      tokens[256 + rank] = both;
    }
    tokens[endOfText] = END_OF_TEXT.getBytes(StandardCharsets.UTF_8);
    return new BpeTokenizer(
        new BpeVocabulary(tokens, byteIds, lefts, rights, results),
        List.of(new AddedToken(endOfText, END_OF_TEXT, true)),
        OptionalInt.of(endOfText),
        OptionalInt.of(endOfText));
  }
}
