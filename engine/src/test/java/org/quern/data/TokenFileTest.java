package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.text.BpeTokenizer;
import org.quern.text.BpeTrainer;
import org.quern.text.ByteTokenizer;
import org.quern.text.CharacterTokenizer;
import org.quern.text.Tokenizer;
import org.quern.text.TokenizerException;

class TokenFileTest {
  @TempDir private Path folder;

  private static BpeTokenizer bpe(String text, int size) {
    BpeTrainer trainer = new BpeTrainer(size);
    trainer.add(text);
    return trainer.train();
  }

  private static int[] ids(TokenSpan tokens) {
    int[] ids = new int[(int) tokens.count()];
    Arrays.setAll(ids, tokens::get);
    return ids;
  }

  @Test
  void holdsTheIdsOfTheText() {
    String text = "One mill, two mills — 磨坊 🌾.\n";
    for (Tokenizer tokenizer : new Tokenizer[] {new ByteTokenizer(), CharacterTokenizer.of(text)}) {
      try (TokenFile file =
          TokenFile.write(folder.resolve("t"), Corpus.ofText("t", text), tokenizer)) {
        assertThat(ids(file.tokens())).isEqualTo(tokenizer.encode(text));
        assertThat(file.characters()).isEqualTo(text.codePointCount(0, text.length()));
        assertThat(file.textBytes()).isEqualTo(new ByteTokenizer().encode(text).length);
        assertThat(file.vocabularySize()).isEqualTo(tokenizer.vocabularySize());
        assertThat(file.isOf(tokenizer)).isTrue();
        file.verify();
      }
    }
  }

  @Test
  void encodesALongTextAsAWhole() {
    StringBuilder text = new StringBuilder();
    Random random = new Random(3);
    String[] words = {"mill", " turns", "\n\n", "  ", "'s", " 123", "磨", "😀", "\t", "it's", "!?"};
    while (text.length() < 3 * Corpus.CHUNK) {
      text.append(words[random.nextInt(words.length)]);
    }
    String whole = text.toString();
    BpeTokenizer tokenizer = bpe(whole.substring(0, 50_000), 400);
    try (TokenFile file =
        TokenFile.write(folder.resolve("t"), Corpus.ofText("t", whole), tokenizer)) {
      int[] expected = tokenizer.encode(whole);
      int[] actual = ids(file.tokens());
      assertThat(actual).hasSize(expected.length + 1).startsWith(expected);
      assertThat(actual[expected.length]).isEqualTo(tokenizer.endOfText().getAsInt());
    }
  }

  @Test
  void encodesATextWithoutAnyPlaceToCut() {
    String whole = "😀".repeat(Corpus.CHUNK);
    BpeTokenizer tokenizer = bpe("😀 😀 😀", 300);
    try (TokenFile file =
        TokenFile.write(folder.resolve("t"), Corpus.ofText("t", whole), tokenizer)) {
      assertThat(file.characters()).isEqualTo(Corpus.CHUNK);
      assertThat(tokenizer.decode(ids(file.tokens()))).isEqualTo(whole);
    }
  }

  @Test
  void endsEachDocument() {
    BpeTokenizer tokenizer = bpe("a b a b", 258);
    int end = tokenizer.endOfText().getAsInt();
    Corpus corpus =
        Corpus.of(
            "two",
            List.of(
                Corpus.document("1", new byte[] {'x'}), Corpus.document("2", new byte[] {'y'})));
    try (TokenFile file = TokenFile.write(folder.resolve("t"), corpus, tokenizer)) {
      assertThat(ids(file.tokens())).containsExactly('x', end, 'y', end);
    }
  }

  @Test
  void takesFourBytesForLargeVocabularies() {
    int[] codePoints = IntStream.range(0x10000, 0x10000 + 70_000).toArray();
    String text = new String(codePoints, 0, codePoints.length);
    CharacterTokenizer tokenizer = CharacterTokenizer.of(text);
    try (TokenFile file =
        TokenFile.write(folder.resolve("t"), Corpus.ofText("t", text), tokenizer)) {
      assertThat(ids(file.tokens())).isEqualTo(IntStream.range(0, 70_000).toArray());
      file.verify();
    }
  }

  @Test
  void refusesFilesThatAreCutOffOrForeign() throws IOException {
    Path file = folder.resolve("t");
    TokenFile.write(file, Corpus.ofText("t", "some text"), new ByteTokenizer()).close();
    byte[] sound = Files.readAllBytes(file);
    for (int length = 0; length < sound.length; length++) {
      Files.write(file, Arrays.copyOf(sound, length));
      assertThatThrownBy(() -> TokenFile.open(file))
          .isInstanceOf(CorpusException.class)
          .hasMessageContaining(file.toString())
          .hasMessageEndingWith(".");
    }
    Files.write(file, Arrays.copyOf(sound, sound.length + 1));
    assertThatThrownBy(() -> TokenFile.open(file)).hasMessageContaining("promises 9 tokens");
    for (int at = 0; at < TokenFileHeader.BYTES; at++) {
      byte[] flipped = sound.clone();
      flipped[at] ^= 0x10;
      Files.write(file, flipped);
      if (at < 56 || at >= 60) {
        assertThatThrownBy(() -> TokenFile.open(file)).isInstanceOf(CorpusException.class);
      }
    }
    Files.writeString(
        file, "just a text that is no token file, longer than its header would be....");
    assertThatThrownBy(() -> TokenFile.open(file)).hasMessageContaining("not a token file");
    assertThatThrownBy(() -> TokenFile.open(folder.resolve("nowhere")))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("nowhere");
  }

  @Test
  void noticesDamagedTokens() throws IOException {
    Path file = folder.resolve("t");
    TokenFile.write(file, Corpus.ofText("t", "some text"), new ByteTokenizer()).close();
    byte[] bytes = Files.readAllBytes(file);
    bytes[TokenFileHeader.BYTES + 7] = 5;
    Files.write(file, bytes);
    try (TokenFile damaged = TokenFile.open(file)) {
      assertThatThrownBy(damaged::verify).hasMessageContaining("has changed");
      assertThat(damaged.tokens().get(2)).isEqualTo('m');
      assertThatThrownBy(() -> damaged.tokens().get(3))
          .isInstanceOf(CorpusException.class)
          .hasMessageContaining("outside the vocabulary of 256");
      BatchSource source = BatchSource.sequential(damaged.tokens(), 1, 8);
      Segments segments = new Segments(1, 8);
      assertThatThrownBy(() -> source.next(segments.ids, segments.labels))
          .isInstanceOf(CorpusException.class);
    }
  }

  @Test
  void refusesUseAfterClose() {
    TokenFile file =
        TokenFile.write(folder.resolve("t"), Corpus.ofText("t", "text"), new ByteTokenizer());
    TokenSpan tokens = file.tokens();
    file.close();
    file.close();
    assertThatThrownBy(() -> tokens.get(0))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("closed");
    assertThatThrownBy(file::verify).isInstanceOf(CorpusException.class);
    BatchSource source = BatchSource.sequential(tokens, 1, 2);
    Segments segments = new Segments(1, 2);
    assertThatThrownBy(() -> source.next(segments.ids, segments.labels))
        .isInstanceOf(CorpusException.class);
  }

  @Test
  void insistsOnItsTokenizer() {
    try (TokenFile file =
        TokenFile.write(
            folder.resolve("t"), Corpus.ofText("t", "abc"), CharacterTokenizer.of("abc"))) {
      file.require(CharacterTokenizer.of("cba"));
      assertThatThrownBy(() -> file.require(CharacterTokenizer.of("abd")))
          .isInstanceOf(CorpusException.class)
          .hasMessageContaining("another tokenizer");
    }
  }

  @Test
  void leavesNothingBehindWhenItFails() throws IOException {
    assertThatThrownBy(() ->
            TokenFile.write(
                folder.resolve("t"), Corpus.ofText("t", "abcd"), CharacterTokenizer.of("abc")))
        .isInstanceOf(TokenizerException.class);
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).isEmpty();
    }
    Path file = Files.writeString(folder.resolve("file"), "x");
    assertThatThrownBy(() ->
            TokenFile.write(file.resolve("below"), Corpus.ofText("t", "abc"), new ByteTokenizer()))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("Cannot write the token file");
  }

  /** A sparse file: what a gigabyte of tokens looks like without the disk. */
  @Test
  void readsBeyondTwoGibibytes() throws IOException {
    Path file = folder.resolve("large");
    long tokens = 1_200_000_000L;
    TokenFileHeader header = new TokenFileHeader(2, 300, 0, tokens, 1, 1, 1);
    try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
      out.setLength(TokenFileHeader.BYTES + 2 * tokens);
      out.write(header.write().array());
      out.seek(TokenFileHeader.BYTES + 2 * (tokens - 2));
      out.write(new byte[] {7, 0, 43, 1});
    }
    try (TokenFile large = TokenFile.open(file)) {
      assertThat(large.tokens().count()).isEqualTo(tokens);
      assertThat(large.tokens().get(tokens - 2)).isEqualTo(7);
      assertThat(large.tokens().get(tokens - 1)).isEqualTo(299);
      TokenSpan.Split split = large.tokens().split(0.1);
      assertThat(split.train().count()).isEqualTo(1_080_000_000L);
      assertThat(split.validation().count()).isEqualTo(120_000_000L);
      assertThat(split.validation().get(119_999_999L)).isEqualTo(299);
    }
  }

  @Test
  void splitsOffTheEnd() {
    TokenSpan tokens = TokenSpan.of(IntStream.range(0, 101).toArray(), 101);
    TokenSpan.Split split = tokens.split(0.1);
    assertThat(split.train().count()).isEqualTo(90);
    assertThat(ids(split.validation())).isEqualTo(IntStream.range(90, 101).toArray());
    assertThat(tokens.split(0).validation().count()).isZero();
    for (double share : new double[] {-0.1, 1, Double.NaN}) {
      assertThatThrownBy(() -> tokens.split(share)).isInstanceOf(CorpusException.class);
    }
    assertThatThrownBy(() -> tokens.slice(100, 2)).isInstanceOf(CorpusException.class);
    assertThatThrownBy(() -> tokens.get(101)).isInstanceOf(CorpusException.class);
    assertThatThrownBy(() -> TokenSpan.of(new int[] {3}, 3)).isInstanceOf(CorpusException.class);
  }

  @Test
  void knowsTheEntropyOfItsTokens() {
    TokenSpan even = TokenSpan.of(new int[] {0, 1, 2, 3, 0, 1, 2, 3}, 5);
    assertThat(CorpusStatistics.unigramEntropy(even)).isCloseTo(Math.log(4), within(1e-12));
    assertThat(CorpusStatistics.unigramEntropy(TokenSpan.of(new int[] {2, 2, 2}, 5))).isZero();
    String text = "磨坊 ab";
    ByteTokenizer tokenizer = new ByteTokenizer();
    CorpusStatistics statistics =
        CorpusStatistics.of(TokenSpan.of(tokenizer.encode(text), 256), tokenizer);
    assertThat(statistics.tokens()).isEqualTo(9);
    assertThat(statistics.characters()).isEqualTo(5);
    assertThat(statistics.charactersPerToken()).isEqualTo(5 / 9.0);
  }

  @Test
  void reportsProgress() {
    List<Long> seen = new ArrayList<>();
    TokenFile.write(
            folder.resolve("t"),
            Corpus.ofText("t", "x y".repeat(Corpus.CHUNK)),
            new ByteTokenizer(),
            seen::add)
        .close();
    assertThat(seen).hasSizeGreaterThan(2).isSorted().last().isEqualTo(3L * Corpus.CHUNK);
  }
}
