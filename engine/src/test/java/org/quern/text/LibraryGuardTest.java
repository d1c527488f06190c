package org.quern.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each of these would end the process if it reached the library. */
class LibraryGuardTest {
  private static final String WORDS =
      """
      {"version": "1.0",
       "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
       "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": 0,
         "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
       "added_tokens": [], "normalizer": null,
       "pre_tokenizer": {"type": "BertPreTokenizer"},
       "post_processor": {"type": "TemplateProcessing",
         "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
         "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
         "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}}},
       "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
       "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
         "max_input_chars_per_word": 100,
         "vocab": {"[PAD]": 0, "[CLS]": 1, "[UNK]": 2, "the": 3, "mill": 4, "turns": 5, ".": 6}}}
      """;

  @TempDir private Path folder;

  private Tokenizer read(String json) {
    try {
      Files.writeString(folder.resolve("tokenizer.json"), json);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    return Tokenizers.read(folder);
  }

  @Test
  void neitherCutsNorPads() {
    try (Tokenizer tokenizer = read(WORDS)) {
      assertThat(tokenizer.encode("the mill turns the mill.")).containsExactly(1, 3, 4, 5, 3, 4, 6);
      assertThat(tokenizer.encode("mill")).containsExactly(1, 4);
      assertThat(tokenizer.encode("mill", false)).containsExactly(4);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "`\"SpecialToken\": {\"id\": \"[CLS]\"`|`\"SpecialToken\": {\"id\": \"[BOS]\"`|needs '[BOS]'",
        "`\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}],`|`\"Sequence\": {\"id\": \"B\", \"type_id\": 0}}],`|asks for another",
        "`\"decoder\": {`|`\"decoder\": [], \"x\": {`|not an object",
        "`\"ids\": [1]`|`\"ids\": []`|no ids",
        "`\"ids\": [1]`|`\"ids\": [1, 1]`|no ids",
        "`\"ids\": [1]`|`\"ids\": [7]`|the id 7",
        "`\"ids\": [1]`|`\"ids\": [-1]`|the id -1",
        "`\"ids\": [1]`|`\"ids\": [99999999999]`|the id 99999999999",
        "`\"normalizer\": null`|`\"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": \"?\"}`|not Base64",
        "`\"normalizer\": null`|`\"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": \"AAAA\"}`|cut off",
        "`{\"type\": \"WordPiece\", \"prefix\": \"##\", \"cleanup\": true}`|`{\"type\": \"Strip\", \"content\": \" \", \"start\": 0, \"stop\": 1}`|strips the end",
      })
  void namesTheFault(String from, String to, String message) {
    assertThat(WORDS).contains(from);
    assertThatThrownBy(() -> read(WORDS.replace(from, to)))
        .isInstanceOf(TokenizerException.class)
        .hasMessageContaining("tokenizer.json")
        .hasMessageContaining(message)
        .hasMessageEndingWith(".");
  }

  /** A map of one character: 'A' becomes 'b'. */
  private static int[] trie() {
    int[] trie = new int[512];
    trie[0] = 256 << 10;
    trie[256 ^ 'A'] = 'A' | 1 << 8 | ('A' ^ 1) << 10;
    trie[256 ^ 1] = 0;
    return trie;
  }

  private static String charsmap(int[] trie, String texts) {
    byte[] ends = texts.getBytes(StandardCharsets.UTF_8);
    ByteBuffer out =
        ByteBuffer.allocate(4 + trie.length * 4 + ends.length).order(ByteOrder.LITTLE_ENDIAN);
    out.putInt(trie.length * 4);
    for (int unit : trie) {
      out.putInt(unit);
    }
    String map = Base64.getEncoder().encodeToString(out.put(ends).array());
    return WORDS.replace(
        "\"normalizer\": null",
        "\"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": \"" + map + "\"}");
  }

  @Test
  void followsEveryLinkOfAMapOfCharacters() {
    try (Tokenizer tokenizer = read(charsmap(trie(), "mill\0"))) {
      assertThat(tokenizer.encode("A", false)).containsExactly(4);
    }
    int[] root = trie();
    root[0] = 4096 << 10;
    int[] leaf = trie();
    leaf[256 ^ 1] = 5;
    int[] middle = trie();
    middle[256 ^ 1] = 1;
    int[] far = trie();
    far[256 ^ 'A'] |= 1 << 31 >>> 1;
    for (String hostile :
        new String[] {
          charsmap(root, "mill\0"),
          charsmap(leaf, "mill\0"),
          charsmap(middle, "é\0"),
          charsmap(far, "mill\0"),
          charsmap(trie(), "mill")
        }) {
      assertThatThrownBy(() -> read(hostile))
          .isInstanceOf(TokenizerException.class)
          .hasMessageContaining("map of characters");
    }
  }

  @Test
  void aTextThatCannotBeEncodedIsAnError() {
    try (Tokenizer tokenizer =
        read(WORDS.replace("\"unk_token\": \"[UNK]\"", "\"unk_token\": \"[NO]\""))) {
      assertThatThrownBy(() -> tokenizer.encode("unheard"))
          .isInstanceOf(TokenizerException.class)
          .hasMessageContaining("cannot be encoded");
    }
  }

  @Test
  void refusesNestingWithoutEnd() {
    assertThatThrownBy(() -> read("[".repeat(100_000))).isInstanceOf(TokenizerException.class);
    String deep = "{\"type\":\"Sequence\",\"normalizers\":[".repeat(200) + "]}".repeat(200);
    assertThatThrownBy(() -> read(WORDS.replace("\"normalizer\": null", "\"normalizer\": " + deep)))
        .isInstanceOf(TokenizerException.class);
  }
}
