package org.quern.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StreamingDecoderTest {

  @Test
  void neverSplitsACharacter() {
    for (Tokenizer tokenizer : tokenizers()) {
      for (String text : SampleTexts.all(1500, 21)) {
        StreamingDecoder decoder = tokenizer.streamingDecoder();
        StringBuilder out = new StringBuilder();
        for (int id : tokenizer.encode(text)) {
          String piece = decoder.push(id);
          assertThat(Texts.wellFormed(piece)).isEqualTo(piece);
          assertThat(text).contains(piece);
          out.append(piece);
        }
        assertThat(decoder.finish()).isEmpty();
        assertThat(out.toString()).isEqualTo(tokenizer.decode(tokenizer.encode(text)));
      }
    }
  }

  @Test
  void givesTheWholeTextOfAnyIds() {
    Random random = new Random(22);
    for (Tokenizer tokenizer : tokenizers()) {
      StreamingDecoder decoder = tokenizer.streamingDecoder();
      for (int n = 0; n < 3000; n++) {
        int range = Math.min(tokenizer.vocabularySize(), random.nextBoolean() ? 256 : 1 << 20);
        int[] ids = random.ints(random.nextInt(30), 0, range).toArray();
        StringBuilder out = new StringBuilder();
        for (int id : ids) {
          out.append(decoder.push(id));
        }
        out.append(decoder.finish());
        assertThat(out.toString()).isEqualTo(tokenizer.decode(ids));
      }
    }
  }

  @Test
  void replacesIllFormedBytesAsTheLibraryDoes(@TempDir Path folder) {
    Random random = new Random(23);
    ByteTokenizer tokenizer = new ByteTokenizer();
    int[] hard = {
      0x41, 0x80, 0xBF, 0xC0, 0xC2, 0xE0, 0xA0, 0x9F, 0xED, 0xF0, 0x90, 0xF4, 0x8F, 0xF5
    };
    tokenizer.save(folder);
    try (HuggingFaceTokenizer library = HuggingFaceTokenizer.read(folder)) {
      for (int n = 0; n < 20_000; n++) {
        int[] ids = new int[random.nextInt(7)];
        Arrays.setAll(ids, i -> hard[random.nextInt(hard.length)]);
        assertThat(tokenizer.decode(ids)).isEqualTo(library.decode(ids));
      }
    }
  }

  private static Tokenizer[] tokenizers() {
    BpeTrainer trainer = new BpeTrainer(700);
    trainer.add(SampleTexts.PROSE);
    CharacterTokenizer.Builder builder = new CharacterTokenizer.Builder();
    builder.add(SampleTexts.PROSE);
    SampleTexts.all(1500, 21).forEach(builder::add);
    return new Tokenizer[] {trainer.train(), new ByteTokenizer(), builder.build()};
  }
}
