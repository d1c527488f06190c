package org.quern.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StopWordsTest {

  @Test
  void holdsBackWhatMayBecomeAStopWord() {
    StopWords words = new StopWords(List.of("</s>", "\n\nUser:"));
    assertThat(words.push("Hello <")).isEqualTo("Hello ");
    assertThat(words.push("b> there\n")).isEqualTo("<b> there");
    assertThat(words.push("\nUs")).isEmpty();
    assertThat(words.push("e it\n\nUser")).isEqualTo("\n\nUse it");
    assertThat(words.stopped()).isFalse();
    assertThat(words.push(": next")).isEmpty();
    assertThat(words.stopped()).isTrue();
    assertThat(words.matched()).isEqualTo("\n\nUser:");
    assertThat(words.push("more")).isEmpty();
  }

  @Test
  void givesBackWhatWasHeldAtTheEnd() {
    StopWords words = new StopWords(List.of("stop"));
    assertThat(words.push("don't sto")).isEqualTo("don't ");
    assertThat(words.finish()).isEqualTo("sto");
    assertThat(words.push("go stop")).isEqualTo("go ");
  }

  @Test
  void findsTheSameHoweverTheTextIsCut() {
    Random random = new Random(31);
    for (int n = 0; n < 5000; n++) {
      List<String> stops =
          random.ints(random.nextInt(4), 1, 5).mapToObj(k -> letters(random, k)).toList();
      String text = letters(random, random.nextInt(20));
      String expected = expected(text, stops);
      StopWords words = new StopWords(stops);
      StringBuilder out = new StringBuilder();
      for (int at = 0; at < text.length(); ) {
        int end = Math.min(text.length(), at + random.nextInt(4));
        out.append(words.push(text.substring(at, end)));
        assertThat(expected).startsWith(out.toString());
        at = end;
      }
      boolean stopped = words.stopped();
      out.append(words.finish());
      assertThat(out.toString()).as("%s in %s", stops, text).isEqualTo(expected);
      assertThat(stopped).isEqualTo(stops.stream().anyMatch(text::contains));
    }
  }

  @Test
  void refusesAnEmptyWord() {
    assertThatThrownBy(() -> new StopWords(List.of("a", "")))
        .isInstanceOf(TokenizerException.class)
        .hasMessageContaining("empty");
  }

  private static String expected(String text, List<String> stops) {
    for (int end = 1; end <= text.length(); end++) {
      int start = end;
      for (String stop : stops) {
        start =
            text.substring(0, end).endsWith(stop) ? Math.min(start, end - stop.length()) : start;
      }
      if (start < end) {
        return text.substring(0, start);
      }
    }
    return text;
  }

  private static String letters(Random random, int count) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < count; i++) {
      out.append((char) ('a' + random.nextInt(2)));
    }
    return out.toString();
  }
}
