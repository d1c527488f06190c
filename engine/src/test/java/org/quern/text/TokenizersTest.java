package org.quern.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Files that people download: each fault is named, and none ends the process. */
class TokenizersTest {
  @TempDir private Path folder;
  private String sound = "";

  @BeforeEach
  void writeASoundOne() throws IOException {
    BpeTrainer trainer = new BpeTrainer(300);
    trainer.add(SampleTexts.PROSE);
    trainer.train().save(folder);
    sound = Files.readString(folder.resolve("tokenizer.json"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "`\"a\" : 97,`|`\"a\" : 98,`|stands for both",
        "`\"a\" : 97,`|`\"b\" : 97,`|not valid JSON (Duplicate",
        "`\"a\" : 97,`|`\"a\" : -1,`|is not a number from 0",
        "`\"a\" : 97,`|`\"a\" : 2147483647,`|is not a number from 0",
        "`\"a\" : 97,`|`\"a\" : 99999999999999999999,`|is not a number from 0",
        "`\"a\" : 97,`|`\"a\" : \"97\",`|is not a number from 0",
        "`\"a\" : 97,`|`\"a\" : 9700000,`|its greatest id is 9700000",
        "`\"a\" : 97,`|``|needs the token",
        "`\"merges\" : [`|`\"merges\" : [\"zq zq\",`|needs the token 'zq'",
        "`\"merges\" : [`|`\"merges\" : [\"a\",`|merge 0 is not a pair",
        "`\"merges\" : [`|`\"merges\" : [7,`|merge 0 is not a pair",
        "`\"merges\" : [`|`\"merges\" : [\"a b c\",`|merge 0 is not a pair",
        "`\"id\" : 299,`|`\"id\" : 97,`|has the id 97 where 299",
        "`\"id\" : 299,`|`\"id\" : null,`|is not a number from 0",
        "`\"content\" : \"<|endoftext|>\",`|`\"content\" : \"\",`|has no content",
        "`\"vocab\"`|`\"vocabulary\"`|no model with a vocabulary",
      })
  void namesTheFault(String from, String to, String message) throws IOException {
    assertThat(sound).contains(from);
    Files.writeString(folder.resolve("tokenizer.json"), sound.replace(from, to));
    assertThatThrownBy(() -> Tokenizers.read(folder))
        .isInstanceOf(TokenizerException.class)
        .hasMessageContaining("tokenizer.json")
        .hasMessageContaining(message)
        .hasMessageEndingWith(".");
  }

  @Test
  void refusesAFileCutOffAnywhere() throws IOException {
    byte[] bytes = sound.getBytes(StandardCharsets.UTF_8);
    Random random = new Random(41);
    for (int n = 0; n < 60; n++) {
      int length = random.nextInt(bytes.length - 2);
      Files.write(folder.resolve("tokenizer.json"), Arrays.copyOf(bytes, length));
      assertThatThrownBy(() -> Tokenizers.read(folder)).isInstanceOf(TokenizerException.class);
    }
  }

  @Test
  void survivesFlippedBits() throws IOException {
    byte[] bytes = sound.getBytes(StandardCharsets.UTF_8);
    Random random = new Random(42);
    int refused = 0;
    for (int n = 0; n < 300; n++) {
      byte[] flipped = bytes.clone();
      for (int i = 0; i < 3; i++) {
        flipped[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
      }
      Files.write(folder.resolve("tokenizer.json"), flipped);
      try (Tokenizer tokenizer = Tokenizers.read(folder)) {
        assertThatCode(() -> tokenizer.decode(tokenizer.encode("the wheel")))
            .doesNotThrowAnyException();
      } catch (TokenizerException e) {
        refused++;
        assertThat(e.getMessage()).contains("tokenizer.json").endsWith(".").doesNotContain("\n");
      }
    }
    assertThat(refused).isPositive();
  }

  @Test
  void saysWhereThereIsNone() {
    assertThatThrownBy(() -> Tokenizers.read(folder.resolve("nowhere")))
        .isInstanceOf(TokenizerException.class)
        .hasMessageContaining("nowhere")
        .hasMessageContaining("no such file");
  }

  @Test
  void refusesAConfigThatContradicts() throws IOException {
    Files.writeString(folder.resolve("tokenizer_config.json"), "{\"eos_token\": \"</s>\"}");
    assertThatThrownBy(() -> Tokenizers.read(folder))
        .isInstanceOf(TokenizerException.class)
        .hasMessageContaining("'</s>' as eos_token");
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        "{\"eos_token\": {\"content\": \"<|endoftext|>\"}}");
    assertThat(Tokenizers.read(folder).endOfText()).hasValue(299);
    Files.writeString(folder.resolve("tokenizer_config.json"), "{");
    assertThatThrownBy(() -> Tokenizers.read(folder)).isInstanceOf(TokenizerException.class);
  }

  @Test
  void refusesIdsOutsideTheVocabulary() {
    Tokenizer bpe = Tokenizers.read(folder);
    for (Tokenizer tokenizer :
        new Tokenizer[] {bpe, new ByteTokenizer(), CharacterTokenizer.of("abc")}) {
      for (int id :
          new int[] {-1, tokenizer.vocabularySize(), Integer.MAX_VALUE, Integer.MIN_VALUE}) {
        assertThatThrownBy(() -> tokenizer.decode(new int[] {id}))
            .isInstanceOf(TokenizerException.class);
        assertThatThrownBy(() -> tokenizer.token(id)).isInstanceOf(TokenizerException.class);
        assertThatThrownBy(() -> tokenizer.isSpecial(id)).isInstanceOf(TokenizerException.class);
        assertThatThrownBy(() -> tokenizer.streamingDecoder().push(id))
            .isInstanceOf(TokenizerException.class);
      }
    }
  }

  @Test
  void namesACharacterThatIsUnknown() {
    assertThatThrownBy(() -> CharacterTokenizer.of("abc").encode("ab😀c"))
        .isInstanceOf(TokenizerException.class)
        .hasMessageContaining("'😀' (U+1F600) at position 2");
    assertThatThrownBy(() -> CharacterTokenizer.of("")).isInstanceOf(TokenizerException.class);
  }

  @Test
  void readsHalvesOfPairsAsReplacements() {
    Tokenizer bpe = Tokenizers.read(folder);
    String broken = "a\uD83Db\uDE00\uD83D";
    assertThat(bpe.decode(bpe.encode(broken))).isEqualTo("a\uFFFDb\uFFFD\uFFFD");
    assertThat(new ByteTokenizer().decode(new ByteTokenizer().encode(broken)))
        .isEqualTo("a\uFFFDb\uFFFD\uFFFD");
  }

  @Test
  void cutsWhereItMakesNoDifference() {
    Tokenizer bpe = Tokenizers.read(folder);
    for (String text : SampleTexts.all(3000, 43)) {
      int cut = bpe.lastBoundary(text);
      if (cut > 0) {
        IntList ids = new IntList(8);
        ids.addAll(bpe.encode(text.substring(0, cut), false));
        ids.addAll(bpe.encode(text.substring(cut), false));
        assertThat(ids.toArray()).isEqualTo(bpe.encode(text, false));
      }
    }
  }

  @Test
  void refusesAFolderThatCannotBeWritten() {
    assertThatThrownBy(
            () -> new ByteTokenizer().save(folder.resolve("tokenizer.json").resolve("below")))
        .isInstanceOf(TokenizerException.class)
        .hasMessageContaining("Cannot write the tokenizer");
  }
}
