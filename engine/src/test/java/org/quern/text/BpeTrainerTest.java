package org.quern.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BpeTrainerTest {

  /** The learning as it is written down (Sennrich et al. 2016, algorithm 1): count all, merge. */
  private static List<String> naiveMerges(String text, int most) {
    Map<String, Integer> words = new HashMap<>();
    for (int start = 0; start < text.length(); ) {
      int end = Gpt2Splitter.wordEnd(text, start);
      words.merge(text.substring(start, end), 1, Integer::sum);
      start = end;
    }
    Map<List<Integer>, Integer> rows = new HashMap<>();
    words.forEach((word, count) -> {
      List<Integer> row = new ArrayList<>();
      for (byte b : word.getBytes(StandardCharsets.UTF_8)) {
        row.add(b & 0xFF);
      }
      rows.merge(row, count, Integer::sum);
    });
    List<String> merges = new ArrayList<>();
    while (merges.size() < most) {
      Map<Long, Integer> pairs = new HashMap<>();
      rows.forEach((row, count) -> {
        for (int i = 0; i + 1 < row.size(); i++) {
          pairs.merge((long) row.get(i) << 32 | row.get(i + 1), count, Integer::sum);
        }
      });
      long best = -1;
      int bestCount = 1;
      for (Map.Entry<Long, Integer> pair : pairs.entrySet()) {
        boolean better =
            pair.getValue() > bestCount || pair.getValue() == bestCount && pair.getKey() < best;
        if (better && pair.getValue() > 1) {
          best = pair.getKey();
          bestCount = pair.getValue();
        }
      }
      if (best < 0) {
        break;
      }
      int left = (int) (best >>> 32);
      int right = (int) best;
      merges.add(left + " " + right);
      Map<List<Integer>, Integer> merged = new HashMap<>();
      int result = 255 + merges.size();
      rows.forEach((row, count) -> {
        List<Integer> out = new ArrayList<>();
        for (int i = 0; i < row.size(); i++) {
          boolean here = i + 1 < row.size() && row.get(i) == left && row.get(i + 1) == right;
          out.add(here ? result : row.get(i));
          i += here ? 1 : 0;
        }
        merged.merge(out, count, Integer::sum);
      });
      rows.clear();
      rows.putAll(merged);
    }
    return merges;
  }

  private static List<String> merges(String text, int most) {
    Map<String, Integer> words = new HashMap<>();
    for (int start = 0; start < text.length(); ) {
      int end = Gpt2Splitter.wordEnd(text, start);
      words.merge(text.substring(start, end), 1, Integer::sum);
      start = end;
    }
    BpeLearner learner = new BpeLearner(words.size());
    words.forEach((word, count) -> learner.add(word.getBytes(StandardCharsets.UTF_8), count));
    learner.learn(most, 2);
    int[] lefts = learner.lefts();
    int[] rights = learner.rights();
    List<String> merges = new ArrayList<>();
    for (int i = 0; i < lefts.length; i++) {
      merges.add(lefts[i] + " " + rights[i]);
    }
    return merges;
  }

  @Test
  void learnsWhatTheDefinitionSays() {
    List<String> naive = naiveMerges(SampleTexts.PROSE, 300);
    assertThat(naive).hasSize(300);
    assertThat(merges(SampleTexts.PROSE, 300)).isEqualTo(naive);
  }

  @Test
  void learnsWhatTheDefinitionSaysOfFewLetters() {
    Random random = new Random(11);
    for (int n = 0; n < 200; n++) {
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < 150; i++) {
        text.append("aab c".charAt(random.nextInt(5)));
      }
      assertThat(merges(text.toString(), 60))
          .as(text.toString())
          .isEqualTo(naiveMerges(text.toString(), 60));
    }
  }

  @Test
  void givesTheSameTokenizerForTheSameText() {
    BpeTrainer whole = new BpeTrainer(500);
    whole.add(SampleTexts.PROSE);
    BpeTrainer pieces = new BpeTrainer(500);
    String rest = SampleTexts.PROSE;
    BpeTrainer small = new BpeTrainer(257);
    small.add("a");
    BpeTokenizer any = small.train();
    while (!rest.isEmpty()) {
      String head = rest.substring(0, Math.min(97, rest.length()));
      int cut = head.length() == rest.length() ? head.length() : any.lastBoundary(head);
      pieces.add(rest.substring(0, cut));
      rest = rest.substring(cut);
    }
    assertThat(pieces.train().fingerprint()).isEqualTo(whole.train().fingerprint());
  }

  @Test
  void stopsWhereNothingRepeats() {
    BpeTrainer trainer = new BpeTrainer(1000);
    trainer.add("ab ab ac");
    BpeTokenizer tokenizer = trainer.train();
    assertThat(tokenizer.vocabularySize()).isBetween(258, 262);
    assertThat(tokenizer.endOfText()).hasValue(tokenizer.vocabularySize() - 1);
    assertThat(tokenizer.decode(tokenizer.encode("xyz ab"))).isEqualTo("xyz ab");
  }

  @Test
  void refusesNoTextAndSizesThatCannotBe() {
    assertThatThrownBy(() -> new BpeTrainer(300).train())
        .isInstanceOf(TokenizerException.class)
        .hasMessageContaining("not empty");
    for (int size : new int[] {-1, 0, 256, Integer.MAX_VALUE}) {
      assertThatThrownBy(() -> new BpeTrainer(size))
          .isInstanceOf(TokenizerException.class)
          .hasMessageContaining("257 to");
    }
  }

  @Test
  void mergesLongWordsAsShortOnes() {
    BpeTrainer trainer = new BpeTrainer(600);
    trainer.add(SampleTexts.PROSE);
    BpeTokenizer tokenizer = trainer.train();
    Random random = new Random(5);
    for (int n = 0; n < 300; n++) {
      StringBuilder word = new StringBuilder();
      int length = 49 + random.nextInt(300);
      while (word.length() < length) {
        word.append("theturnedwheel".charAt(random.nextInt(14)));
      }
      assertThat(tokenizer.encode(word.toString()))
          .isEqualTo(naiveEncode(tokenizer, word.toString()));
    }
    int[] ids = tokenizer.encode("the".repeat(400_000));
    assertThat(tokenizer.decode(ids)).hasSize(1_200_000);
  }

  /** Merges by the rank order of token ids, which is how the trainer numbers its results. */
  private static int[] naiveEncode(BpeTokenizer tokenizer, String word) {
    List<String> parts = new ArrayList<>(Arrays.asList(word.split("")));
    Map<String, Integer> ids = new HashMap<>();
    for (int id = 0; id < tokenizer.vocabularySize(); id++) {
      ids.put(tokenizer.token(id), id);
    }
    while (true) {
      int best = Integer.MAX_VALUE;
      int at = -1;
      for (int i = 0; i + 1 < parts.size(); i++) {
        Integer id = ids.get(parts.get(i) + parts.get(i + 1));
        if (id != null && id < best) {
          best = id;
          at = i;
        }
      }
      if (at < 0) {
        return parts.stream().mapToInt(ids::get).toArray();
      }
      parts.set(at, parts.get(at) + parts.remove(at + 1));
    }
  }
}
