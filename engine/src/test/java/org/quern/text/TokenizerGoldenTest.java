package org.quern.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What we write, read by Hugging Face's own library and by us: the same ids, the same text. */
class TokenizerGoldenTest {
  @TempDir private Path folder;

  @Test
  void bpeIsReadAlikeByTheLibrary() {
    BpeTrainer trainer = new BpeTrainer(900);
    trainer.add(SampleTexts.PROSE);
    agree(trainer.train(), SampleTexts.all(6000, 1), BpeTokenizer.class);
  }

  @Test
  void bpeOfARealTextIsReadAlike() throws Exception {
    String text = SampleTexts.sharedText("data/tinyshakespeare.txt");
    BpeTrainer trainer = new BpeTrainer(4096);
    trainer.add(text);
    BpeTokenizer tokenizer = trainer.train();
    assertThat(tokenizer.vocabularySize()).isEqualTo(4096);
    List<String> speeches = List.of(text.split("\n\n", -1));
    assertThat(speeches).hasSizeGreaterThan(1000);
    agree(tokenizer, speeches, BpeTokenizer.class);
  }

  @Test
  void bytesAreReadAlike() {
    agree(new ByteTokenizer(), SampleTexts.all(2000, 2), ByteTokenizer.class);
  }

  @Test
  void charactersAreReadAlike() {
    List<String> texts = SampleTexts.all(2000, 3);
    CharacterTokenizer.Builder builder = new CharacterTokenizer.Builder();
    texts.forEach(builder::add);
    agree(builder.build(), texts, CharacterTokenizer.class);
  }

  private void agree(Tokenizer written, List<String> texts, Class<?> kind) {
    written.save(folder);
    Tokenizer read = Tokenizers.read(folder);
    assertThat(read).isInstanceOf(kind);
    assertThat(read.fingerprint()).isEqualTo(written.fingerprint());
    assertThat(read.endOfText()).isEqualTo(written.endOfText());
    try (HuggingFaceTokenizer library = HuggingFaceTokenizer.read(folder)) {
      assertThat(library.vocabularySize()).isEqualTo(written.vocabularySize());
      for (String text : texts) {
        int[] ids = written.encode(text);
        assertThat(library.encode(text)).as("ids of %s", escaped(text)).isEqualTo(ids);
        assertThat(read.encode(text)).isEqualTo(ids);
        assertThat(written.decode(ids, false)).isEqualTo(text);
        assertThat(library.decode(ids, false)).as("text of %s", escaped(text)).isEqualTo(text);
        assertThat(read.decode(ids)).isEqualTo(library.decode(ids));
      }
    }
  }

  private static String escaped(String text) {
    return text.codePoints()
        .mapToObj(c -> c >= ' ' && c < 127 ? Character.toString(c) : "\\u{%x}".formatted(c))
        .collect(Collectors.joining());
  }
}
