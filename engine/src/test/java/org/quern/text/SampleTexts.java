package org.quern.text;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Texts that tokenizers are held against: people's, and what breaks programs. */
final class SampleTexts {
  /** Something of everything, to learn a vocabulary from. */
  static final String PROSE =
      """
      It isn't far, they'd said; we'll see what they've got, and I'm sure you're right.
      The miller's wheel turned, turned again, and the water ran on under the wheel.
          public static void main(String[] args) { return; }  // 1234567890 2026-01-01
      中文文本也要能用。中文文本也要能用。日本語のテキスト。日本語のテキスト。 한국어 텍스트도 있다.
      Привет, мир! Привет, мир! Ünïcödé naïveté café CAFÉ straße Ελληνικά العربية עברית हिन्दी ไทย
      😀 😀 👩‍👩‍👧‍👦 🇩🇪 ½ ² Ⅷ ٣ “quoted” – dash… €100 £5
      \t\ttabs\tand  double  spaces   and    more
      """
          .repeat(4);

  private static final List<String> HARD =
      List.of(
          "",
          " ",
          "  ",
          "\n",
          "\r\n",
          " \n \n ",
          "\u0000",
          "a\u0000b",
          "\u0001\u0002\u001f\u007f\u0080\u0085\u009f",
          "\u00a0x\u2003y\u3000z\u2028\u2029",
          "\u200b\u200d\ufeff\u00ad",
          "'s't're've'm'll'd 'S'T",
          "it''s they'''re '",
          "\uFFFD",
          "a\uFFFDb",
          "👩‍👩‍👧‍👦🇩🇪🏳️‍🌈",
          "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 \uD83D\uDE00",
          "e\u0301 \u0301",
          "ﷺ ﬁ ǅ",
          "<|endoftext|>",
          "a<|endoftext|>b <|endoftext|><|endoftext|> c",
          "  <|endoftext|>  ",
          "<|endoftext|",
          "Ġthe Ċ Ā ł",
          "<0x41>▁▁x",
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "1234567890".repeat(20),
          "ab".repeat(700),
          " ".repeat(300) + "x",
          "\n".repeat(100));

  private SampleTexts() {}

  /** Hard cases, and so many random mixtures of words, scripts and assigned code points. */
  static List<String> all(int random, long seed) {
    List<String> texts = new ArrayList<>(HARD);
    Random source = new Random(seed);
    for (int i = 0; i < random; i++) {
      texts.add(random(source));
    }
    return texts;
  }

  private static String random(Random source) {
    StringBuilder out = new StringBuilder();
    int parts = source.nextInt(12);
    for (int i = 0; i < parts; i++) {
      switch (source.nextInt(6)) {
        case 0, 1 -> {
          int from = source.nextInt(PROSE.length() - 20);
          out.append(PROSE, from, from + source.nextInt(20));
        }
        case 2 -> out.append(HARD.get(source.nextInt(HARD.size() - 6)));
        case 3 -> out.append(" \n\t\u00a0".charAt(source.nextInt(4)));
        case 4 -> out.append((char) source.nextInt(0x80));
        default -> out.appendCodePoint(codePoint(source));
      }
    }
    return Texts.wellFormed(out.toString());
  }

  /** Old enough for every library's tables: newer letters are not letters everywhere yet. */
  private static int codePoint(Random source) {
    while (true) {
      int codePoint = source.nextInt(source.nextBoolean() ? 0x3000 : 0x20000);
      if (Character.isDefined(codePoint) && !Character.isSurrogate((char) codePoint)) {
        return codePoint;
      }
    }
  }

  /** A folder or file of the shared test inputs; the test is skipped where they are absent. */
  static Path shared(String name) {
    Path path = Path.of(System.getProperty("quern.shared", "../../shared")).resolve(name);
    assumeTrue(Files.exists(path), () -> path + " is absent");
    return path;
  }

  static String sharedText(String name) throws IOException {
    return Files.readString(shared(name));
  }
}
