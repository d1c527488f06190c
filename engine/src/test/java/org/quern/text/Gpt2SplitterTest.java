package org.quern.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class Gpt2SplitterTest {
  private static final Pattern WORDS =
      Pattern.compile(
          "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+"
              + "| ?[^\\p{IsWhite_Space}\\p{L}\\p{N}]+"
              + "|\\p{IsWhite_Space}+(?!\\P{IsWhite_Space})|\\p{IsWhite_Space}+");

  @Test
  void cutsAsTheRegularExpressionDoes() {
    for (String text : SampleTexts.all(20_000, 4)) {
      List<String> expected = new ArrayList<>();
      for (Matcher matcher = WORDS.matcher(text); matcher.find(); ) {
        expected.add(matcher.group());
      }
      List<String> words = new ArrayList<>();
      for (int start = 0; start < text.length(); ) {
        int end = Gpt2Splitter.wordEnd(text, start);
        words.add(text.substring(start, end));
        start = end;
      }
      assertThat(words).isEqualTo(expected);
      assertThat(String.join("", words)).isEqualTo(text);
    }
  }
}
