package org.quern.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

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

  /** Tokens that overlap, look like letters of bytes, contain spaces, or are not special. */
  @Test
  void addedTokensAreFoundAlike() throws Exception {
    BpeTrainer trainer = new BpeTrainer(400);
    trainer.add(SampleTexts.PROSE);
    trainer.train().save(folder);
    Path file = folder.resolve("tokenizer.json");
    ObjectNode root = (ObjectNode) JsonMapper.shared().readTree(Files.readAllBytes(file));
    int id = 400;
    List<String> contents =
        List.of("<|end", "<|endoftext|><|endoftext|>", "Ġqx", "磨 坊", "mill qx", " x");
    for (String content : contents) {
      AddedToken token = new AddedToken(id++, content, content.startsWith("<"));
      TokenizerFolder.addToken(root.withArray("/added_tokens"), token);
    }
    root.set("post_processor", TokenizerFolder.byteLevel(JsonMapper.shared(), true));
    Files.write(file, JsonMapper.shared().writeValueAsBytes(root));
    Tokenizer own = Tokenizers.read(folder);
    assertThat(own).isInstanceOf(BpeTokenizer.class);
    assertThat(own.vocabularySize()).isEqualTo(406);
    Random random = new Random(6);
    List<String> parts = new ArrayList<>(contents);
    parts.addAll(List.of("<|endoftext|>", " ", "the", "\n", "磨", "坊", "'s", "<|", "a"));
    try (HuggingFaceTokenizer library = HuggingFaceTokenizer.read(folder)) {
      for (int n = 0; n < 3000; n++) {
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(10); i > 0; i--) {
          text.append(parts.get(random.nextInt(parts.size())));
        }
        int[] ids = library.encode(text.toString());
        assertThat(own.encode(text.toString())).as(text.toString()).isEqualTo(ids);
        assertThat(own.decode(ids, false)).isEqualTo(library.decode(ids, false));
        assertThat(own.decode(ids)).isEqualTo(library.decode(ids));
      }
    }
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
