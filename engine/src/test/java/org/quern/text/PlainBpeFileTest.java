package org.quern.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What is read without a tree is what the tree says, and what the tree refuses is read by neither.
 */
class PlainBpeFileTest {
  private static final String MERGES = "\"merges\" : [";

  @TempDir private Path folder;
  private String sound = "";

  @BeforeEach
  void writeASoundOne() throws IOException {
    BpeTrainer trainer = new BpeTrainer(9000);
    trainer.add(SampleTexts.PROSE);
    trainer.add("corn ".repeat(9));
    trainer.train().save(folder);
    sound = Files.readString(folder.resolve("tokenizer.json"));
  }

  @Test
  void readsWhatQuernWrites() throws IOException {
    Tokenizer plain = plain(sound).orElseThrow();
    agree(plain, tree(sound).orElseThrow());
    assertThat(plain.endOfText()).isPresent();
  }

  /** Written otherwise, but the same: read without a tree, too. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "` : `|`:`",
        "`\n`|`\r\n\t`",
        "`Ġ`|`\\u0120`",
        "`Ġ`|`\\u0120`",
        "`\"/\"`|`\"\\/\"`",
        "`\"h e\"`|`[\"h\", \"e\"]`",
        "`\"trim_offsets\" : true`|`\"trim_offsets\" : true, \"more\" : {\"model\": {\"vocab\": {}}}`",
      })
  void readsOtherSpellings(String from, String to) throws IOException {
    assertThat(sound).contains(from);
    String other = sound.replace(from, to);
    agree(plain(other).orElseThrow(), plain(sound).orElseThrow());
    agree(plain(other).orElseThrow(), tree(other).orElseThrow());
  }

  /** Not of this form, or wrong: for others to read, or to refuse with a word why. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "`\"a\" : 97`|`\"a\" : 98`",
        "`\"a\" : 97`|`\"b\" : 97`",
        "`\"a\" : 97`|`\"a\" : 097`",
        "`\"a\" : 97`|`\"a\" : 97.0`",
        "`\"a\" : 97`|`\"a\" : -97`",
        "`\"a\" : 97`|`\"a\" : 97000000097`",
        "`\"a\" : 97`|`\"a\" : \"97\"`",
        "`\"a\" : 97,`|`\"a\" : 97`",
        "`\"a\" : 97,`|`\"a\" : 97,,`",
        "`\"a\" : 97,`|``",
        "`\"a\" : 97`|`\"\\u00GG\" : 97`",
        "`\"a\" : 97`|`\"\" : 97`",
        "`\"a\" : 97`|`\"a a\" : 97`",
        "`\"a\" : 97`|`\"😀\" : 97`",
        "`\"merges\" : [`|`\"merges\" : [\"h e\",`",
        "`\"merges\" : [`|`\"merges\" : [\" h e\",`",
        "`\"merges\" : [`|`\"merges\" : [\"h e \",`",
        "`\"merges\" : [`|`\"merges\" : [\"h  e\",`",
        "`\"merges\" : [`|`\"merges\" : [\"he\",`",
        "`\"merges\" : [`|`\"merges\" : [[\"h\"],`",
        "`\"merges\" : [`|`\"merges\" : [[\"h\", \"e\", \"r\"],`",
        "`\"merges\" : [`|`\"merges\" : [[\"h e\", \"e\"],`",
        "`\"merges\" : [`|`\"merges\" : [\"zq zq\",`",
        "`\"merges\" : [`|`\"merges\" : [7,`",
        "`\"merges\" : [`|`\"merges\" : [], \"merges\" : [`",
        "`\"merges\" : [`|`\"\\u006derges\" : [], \"merges\" : [`",
        "`\"vocab\" : {`|`\"\\u0076ocab\" : {}, \"vocab\" : {`",
        "`\"vocab\" : {`|`\"vocab\" : {}, \"vocab\" : {`",
        "`\"model\" : {`|`\"model\" : {}, \"model\" : {`",
        "`\"normalizer\" : null`|`\"normalizer\" : {\"type\": \"NFC\"}`",
        "`\"ignore_merges\" : false`|`\"ignore_merges\" : true`",
        "`\"use_regex\" : true`|`\"use_regex\" : false`",
        "`\"special\" : true`|`\"special\" : true, \"lstrip\" : true`",
        "`\"content\" : \"<|endoftext|>\"`|`\"content\" : \"\"`",
        "`\"content\" : \"<|endoftext|>\"`|`\"content\" : \"a\", \"id\" : 97`",
        "`\"content\" : \"<|endoftext|>\"`|`\"content\" : \"c\"`",
        "`\"version\"`|`7`",
        "`\"version\"`|`\"version`",
      })
  void leavesTheRestToOthers(String from, String to) throws IOException {
    assertThat(sound).contains(from);
    assertThat(plain(sound.replace(from, to))).isEmpty();
  }

  @Test
  void readsAddedTokensLikeTheTree() throws IOException {
    int size = tree(sound).orElseThrow().vocabularySize();
    String more =
        sound.replace(
            "\"added_tokens\" : [",
            "\"added_tokens\" : [{\"id\": %d, \"content\": \"<|a b|>\", \"special\": true},"
                    .formatted(size)
                + "{\"id\": %d, \"content\": \"né\"},".formatted(size + 1));
    Tokenizer plain = plain(more).orElseThrow();
    agree(plain, tree(more).orElseThrow());
    assertThat(plain.vocabularySize()).isEqualTo(size + 2);
    assertThat(plain.encode("<|a b|>né")).containsExactly(size, size + 1);
    assertThat(plain(more.replace("\"id\": " + size, "\"id\": " + (size + 1)))).isEmpty();
  }

  @Test
  void readsTheConfigLikeTheTree() throws IOException {
    for (String token : new String[] {"<|endoftext|>", "he", "Ġthe", "a"}) {
      for (String form : new String[] {"\"%s\"", "{\"content\": \"%s\"}"}) {
        config("{\"bos_token\": " + form.formatted(token) + ", \"eos_token\": null}");
        agree(plain(sound).orElseThrow(), tree(sound).orElseThrow());
        assertThat(plain(sound).orElseThrow().beginOfText()).isPresent();
      }
    }
    for (String wrong :
        new String[] {"{", "{\"eos_token\": \"</s>\"}", "{\"bos_token\": \"\"}", "{} {}"}) {
      config(wrong);
      assertThat(plain(sound)).isEmpty();
    }
    Files.delete(folder.resolve("tokenizer_config.json"));
    agree(plain(sound).orElseThrow(), tree(sound).orElseThrow());
  }

  @Test
  void readsNothingThatTheTreeRefuses() throws IOException {
    Files.delete(folder.resolve("tokenizer_config.json"));
    // A short one, so that what is changed counts.
    String text = sound.substring(0, sound.indexOf(MERGES) + MERGES.length()) + "] } }";
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    Random random = new Random(44);
    int read = 0;
    for (int n = 0; n < 2000; n++) {
      byte[] flipped = bytes.clone();
      flipped[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
      if (n % 10 == 0) {
        flipped = Arrays.copyOf(flipped, random.nextInt(bytes.length));
      }
      Optional<Tokenizer> plain = PlainBpeFile.read(flipped, Optional.empty());
      if (plain.isPresent()) {
        agree(plain.get(), tree(flipped).orElseThrow());
        read++;
      }
    }
    assertThat(read).isPositive().isLessThan(1800);
  }

  private static void agree(Tokenizer plain, Tokenizer tree) {
    assertThat(plain).isInstanceOf(BpeTokenizer.class);
    assertThat(plain.describe()).isEqualTo(tree.describe());
    assertThat(plain.fingerprint()).isEqualTo(tree.fingerprint());
    assertThat(plain.beginOfText()).isEqualTo(tree.beginOfText());
    assertThat(plain.endOfText()).isEqualTo(tree.endOfText());
    for (String text : new String[] {SampleTexts.PROSE, "the corn<|endoftext|> né 😀"}) {
      assertThat(plain.encode(text)).isEqualTo(tree.encode(text));
      assertThat(plain.decode(plain.encode(text))).isEqualTo(tree.decode(tree.encode(text)));
    }
  }

  private void config(String text) throws IOException {
    Files.writeString(folder.resolve("tokenizer_config.json"), text);
  }

  private TokenizerFiles files(byte[] content) throws IOException {
    Files.write(folder.resolve("tokenizer.json"), content);
    return TokenizerFiles.of(folder);
  }

  private Optional<Tokenizer> plain(String content) throws IOException {
    TokenizerFiles files = files(content.getBytes(StandardCharsets.UTF_8));
    return PlainBpeFile.read(files.content(), files.config());
  }

  private Optional<Tokenizer> tree(String content) throws IOException {
    return tree(content.getBytes(StandardCharsets.UTF_8));
  }

  private Optional<Tokenizer> tree(byte[] content) throws IOException {
    return OwnTokenizers.read(Tokenizers.Source.of(files(content)));
  }
}
