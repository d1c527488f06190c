package org.quern.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A SentencePiece-style tokenizer of a real model. */
class HuggingFaceTokenizerTest {
  private final Path folder = SampleTexts.shared("models/stories260k");

  @Test
  void givesTheIdsAndTextOfTheReference() throws Exception {
    JsonNode cases =
        JsonMapper.shared().readTree(Files.readAllBytes(folder.resolve("greedy.json")));
    assertThat(cases.isEmpty()).isFalse();
    try (Tokenizer tokenizer = Tokenizers.read(folder)) {
      for (JsonNode one : cases) {
        int[] prompt = ints(one.path("prompt_ids"));
        int[] all =
            IntStream.concat(IntStream.of(prompt), IntStream.of(ints(one.path("greedy_ids"))))
                .toArray();
        String text = one.path("text").stringValue();
        assertThat(tokenizer.encode(one.path("prompt").stringValue())).isEqualTo(prompt);
        assertThat(tokenizer.decode(all)).isEqualTo(text);
        assertThat(streamed(tokenizer, all)).isEqualTo(text);
      }
    }
  }

  @Test
  void knowsItsSpecialTokens() {
    try (Tokenizer tokenizer = Tokenizers.read(folder)) {
      assertThat(tokenizer.vocabularySize()).isEqualTo(512);
      assertThat(tokenizer.beginOfText()).hasValue(1);
      assertThat(tokenizer.endOfText()).hasValue(2);
      assertThat(tokenizer.isSpecial(2)).isTrue();
      assertThat(tokenizer.isSpecial(3)).isFalse();
      assertThat(tokenizer.token(403)).startsWith("▁");
      assertThat(tokenizer.encode("Once", false)).doesNotContain(1);
    }
  }

  @Test
  void doesNotCutLongTexts() {
    try (Tokenizer tokenizer = Tokenizers.read(folder)) {
      String text = "once upon a time ".repeat(2000);
      int[] ids = tokenizer.encode(text);
      assertThat(ids.length).isGreaterThan(4000);
      assertThat(tokenizer.decode(ids)).isEqualTo(text);
    }
  }

  @Test
  void streamsWhatItDecodes() {
    Random random = new Random(7);
    try (Tokenizer tokenizer = Tokenizers.read(folder)) {
      for (int n = 0; n < 1500; n++) {
        int range = random.nextBoolean() ? 512 : 270;
        int[] ids = random.ints(random.nextInt(40), 0, range).toArray();
        assertThat(streamed(tokenizer, ids)).isEqualTo(tokenizer.decode(ids));
      }
      for (String text : SampleTexts.all(1000, 8)) {
        int[] ids = tokenizer.encode(text);
        StreamingDecoder decoder = tokenizer.streamingDecoder();
        StringBuilder out = new StringBuilder();
        for (int id : ids) {
          String piece = decoder.push(id);
          assertThat(piece.contains("\uFFFD") && !text.contains("\uFFFD")).isFalse();
          out.append(piece);
        }
        assertThat(out.append(decoder.finish()).toString()).isEqualTo(tokenizer.decode(ids));
      }
    }
  }

  @Test
  void savesWhatItRead(@TempDir Path copy) {
    try (Tokenizer tokenizer = Tokenizers.read(folder)) {
      tokenizer.save(copy);
      assertThat(copy.resolve("tokenizer.json"))
          .hasSameBinaryContentAs(folder.resolve("tokenizer.json"));
      assertThat(Tokenizers.read(copy).fingerprint()).isEqualTo(tokenizer.fingerprint());
    }
  }

  @Test
  void refusesToWorkAfterClose() {
    Tokenizer tokenizer = Tokenizers.read(folder);
    tokenizer.close();
    tokenizer.close();
    assertThatThrownBy(() -> tokenizer.encode("a"))
        .isInstanceOf(TokenizerException.class)
        .hasMessageContaining("closed");
    assertThatThrownBy(() -> tokenizer.decode(new int[] {5}))
        .isInstanceOf(TokenizerException.class);
  }

  @Test
  void refusesIdsOutsideTheVocabulary() {
    try (Tokenizer tokenizer = Tokenizers.read(folder)) {
      for (int id : new int[] {-1, 512, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
        assertThatThrownBy(() -> tokenizer.decode(new int[] {id}))
            .isInstanceOf(TokenizerException.class)
            .hasMessageContaining("outside the vocabulary of 512");
        assertThatThrownBy(() -> tokenizer.streamingDecoder().push(id))
            .isInstanceOf(TokenizerException.class);
      }
    }
  }

  private static String streamed(Tokenizer tokenizer, int[] ids) {
    StreamingDecoder decoder = tokenizer.streamingDecoder();
    StringBuilder out = new StringBuilder();
    for (int id : ids) {
      out.append(decoder.push(id));
    }
    return out.append(decoder.finish()).toString();
  }

  private static int[] ints(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false).mapToInt(JsonNode::intValue).toArray();
  }
}
