package org.quern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.exec.CancelledException;
import org.quern.generate.Decoder;
import org.quern.generate.FinishReason;
import org.quern.generate.Generation;
import org.quern.generate.GenerationException;
import org.quern.generate.GenerationOptions;
import org.quern.generate.TextGenerator;
import org.quern.model.Gpt2Config;
import org.quern.text.ByteTokenizer;
import org.quern.text.CharacterTokenizer;
import org.quern.text.TokenizerException;

/** Where generation ends, what a listener gets, and how it is cancelled. */
@Timeout(120)
class GenerationTest {
  private static final CharacterTokenizer TOKENIZER =
      CharacterTokenizer.of("The mill stands by the river, and the river turns the wheel.");

  static List<TestEngines.Kind> engines() {
    return TestEngines.backends();
  }

  private static Model create(Engine engine, int context) {
    return engine.create(
        Gpt2Config.of(TOKENIZER.vocabularySize(), context, 32, 2, 2), TOKENIZER, 3);
  }

  private static GenerationOptions sampling(int most) {
    return GenerationOptions.sampling(most, 1, 11).withEndAtEndOfText(false);
  }

  @ParameterizedTest
  @MethodSource("engines")
  void theContextEndsTheText(TestEngines.Kind kind) {
    try (Engine engine = kind.open(1);
        Model model = create(engine, 20)) {
      Generation full = model.generate("The mill", sampling(100));
      assertThat(full.reason()).isEqualTo(FinishReason.CONTEXT);
      assertThat(full.promptTokens() + full.ids().size()).isEqualTo(20);
      Generation exact = model.generate("The mill", sampling(12));
      assertThat(exact.reason()).isEqualTo(FinishReason.LENGTH);
      assertThat(exact.ids()).isEqualTo(full.ids());
      Generation nothing = model.generate("The mill", sampling(0));
      assertThat(nothing.reason()).isEqualTo(FinishReason.LENGTH);
      assertThat(nothing.text()).isEmpty();
      Generation beams = model.generate("The mill", GenerationOptions.beamSearch(100, 3));
      assertThat(beams.promptTokens() + beams.ids().size()).isLessThanOrEqualTo(20);
      int[] long20 = new int[20];
      assertThatThrownBy(() -> model.generate(long20, sampling(1), piece -> true))
          .isInstanceOf(GenerationException.class)
          .hasMessage(
              "The prompt has 20 tokens, but the model's context ends at 20; shorten the prompt.");
      int[] long19 = new int[19];
      assertThat(model.generate(long19, sampling(9), piece -> true).ids()).hasSize(1);
    }
  }

  @Test
  void wrongPromptsAreRefused() {
    try (Engine engine = TestEngines.best().open(1);
        Model model = create(engine, 64)) {
      int tokens = TOKENIZER.vocabularySize();
      for (int[] bad : new int[][] {{-1}, {tokens}, {0, Integer.MAX_VALUE}}) {
        assertThatThrownBy(() -> model.generate(bad, sampling(1), piece -> true))
            .isInstanceOf(GenerationException.class)
            .hasMessageEndingWith("the model's tokens are 0 to " + (tokens - 1) + ".");
      }
      assertThatThrownBy(() -> model.generate("", sampling(1)))
          .isInstanceOf(GenerationException.class)
          .hasMessageContaining("no tokens");
      assertThatThrownBy(() -> model.generate("The", sampling(1).withStopWords(List.of("a", ""))))
          .isInstanceOf(TokenizerException.class)
          .hasMessageContaining("stop word is empty");
      assertThatThrownBy(
              () -> new Decoder(engine.backend(), model.architecture(), model.memory(), 1, 65))
          .isInstanceOf(GenerationException.class)
          .hasMessageContaining("too long");
      try (Decoder decoder =
          new Decoder(engine.backend(), model.architecture(), model.memory(), 2, 8)) {
        assertThatThrownBy(() -> decoder.feed(new int[9]))
            .isInstanceOf(GenerationException.class)
            .hasMessageContaining("9 more do not fit");
        assertThatThrownBy(() -> decoder.feedEach(new int[3]))
            .isInstanceOf(GenerationException.class)
            .hasMessageContaining("one token for each");
        assertThatThrownBy(() -> decoder.feed(tokens)).hasMessageContaining("failed");
        assertThatThrownBy(() -> decoder.truncate(1)).isInstanceOf(GenerationException.class);
        assertThat(decoder.position()).isZero();
        assertThat(decoder.feed(1).byteSize()).isEqualTo(2L * tokens * Float.BYTES);
      }
    }
  }

  @Test
  void aStopWordEndsTheTextAndIsNoPartOfIt() {
    try (Engine engine = TestEngines.best().open(1);
        Model model = create(engine, 128)) {
      String text = model.generate("The", sampling(60)).text();
      String word = text.substring(20, 23);
      int at = text.indexOf(word);
      StringBuilder streamed = new StringBuilder();
      Generation stopped =
          model.generate(
              "The",
              sampling(60).withStopWords(List.of("not there", word)),
              piece -> {
                streamed.append(piece);
                return true;
              });
      assertThat(stopped.reason()).isEqualTo(FinishReason.STOP_WORD);
      assertThat(stopped.text()).isEqualTo(text.substring(0, at));
      assertThat(streamed).hasToString(stopped.text());
      // A word that only begins is held back, and given out at the end.
      String last = text.substring(58) + "#";
      Generation whole = model.generate("The", sampling(60).withStopWords(List.of(last)));
      assertThat(whole.reason()).isEqualTo(FinishReason.LENGTH);
      assertThat(whole.text()).isEqualTo(text);
    }
  }

  /** Random bytes are mostly no text: what comes out must still be whole characters. */
  @Test
  void streamingNeverSplitsACharacter() {
    ByteTokenizer bytes = new ByteTokenizer();
    try (Engine engine = TestEngines.best().open(1);
        Model model =
            engine.create(Gpt2Config.of(bytes.vocabularySize(), 512, 16, 1, 1), bytes, 3)) {
      for (long seed = 0; seed < 5; seed++) {
        List<String> pieces = new ArrayList<>();
        Generation generation =
            model.generate("né", sampling(200).withSeed(seed), piece -> pieces.add(piece));
        assertThat(String.join("", pieces)).isEqualTo(generation.text());
        assertThat(pieces).hasSizeGreaterThan(50);
        for (String piece : pieces) {
          assertThat(StandardCharsets.UTF_8.newEncoder().canEncode(piece)).as(piece).isTrue();
        }
        int[] ids = generation.ids().stream().mapToInt(Integer::intValue).toArray();
        assertThat(bytes.decode(ids)).isEqualTo(generation.text());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("engines")
  void aListenerEndsTheTextWithItsLastPiece(TestEngines.Kind kind) {
    try (Engine engine = kind.open(1);
        Model model = create(engine, 128)) {
      for (GenerationOptions options :
          List.of(
              sampling(60),
              sampling(60).withStopWords(List.of("no such word")),
              GenerationOptions.beamSearch(20, 2).withEndAtEndOfText(false))) {
        List<String> pieces = new ArrayList<>();
        Generation generation =
            model.generate("The", options, piece -> pieces.add(piece) && pieces.size() < 5);
        assertThat(generation.reason()).isEqualTo(FinishReason.CANCELLED);
        assertThat(pieces).hasSize(5);
        assertThat(generation.text()).isEqualTo(String.join("", pieces));
      }
      assertThat(model.generate("The", sampling(9)).ids()).hasSize(9);
    }
  }

  @ParameterizedTest
  @MethodSource("engines")
  void aLongPromptCanBeCancelled(TestEngines.Kind kind) throws Exception {
    try (Engine engine = kind.open();
        Model model =
            engine.create(
                Gpt2Config.of(TOKENIZER.vocabularySize(), 1 << 13, 256, 4, 4), TOKENIZER, 3);
        ExecutorService threads = Executors.newFixedThreadPool(1);
        Decoder decoder =
            new Decoder(engine.backend(), model.architecture(), model.memory(), 1, 1 << 13)) {
      CountDownLatch begun = new CountDownLatch(1);
      int[] prompt = new int[1 << 13];
      Future<?> prefill =
          threads.submit(() -> {
            begun.countDown();
            assertThatThrownBy(() -> decoder.feed(prompt)).isInstanceOf(CancelledException.class);
          });
      begun.await();
      Thread.sleep(50);
      decoder.cancel();
      prefill.get(60, TimeUnit.SECONDS);
      assertThat(decoder.isCancelled()).isTrue();
      assertThat(decoder.position()).isLessThan(prompt.length);
      assertThatThrownBy(() -> decoder.feed(1)).isInstanceOf(CancelledException.class);
    }
  }

  /** The token that a model of random weights likes after some steps is taken for its end. */
  @ParameterizedTest
  @MethodSource("engines")
  void theModelsOwnEndTokenEndsTheText(TestEngines.Kind kind) {
    try (Engine engine = kind.open(1);
        Model model = create(engine, 128);
        Decoder decoder =
            new Decoder(engine.backend(), model.architecture(), model.memory(), 1, 128)) {
      List<Integer> all = model.generate("The", sampling(30)).ids();
      int end = all.get(12);
      int first = all.indexOf(end);
      int[] prompt = TOKENIZER.encode("The");
      Generation ended =
          new TextGenerator(
                  decoder,
                  model.tokenizer(),
                  TOKENIZER.vocabularySize(),
                  sampling(30).withEndAtEndOfText(true),
                  List.of(end))
              .generate(prompt, piece -> true);
      assertThat(ended.reason()).isEqualTo(FinishReason.END_OF_TEXT);
      assertThat(ended.ids()).isEqualTo(all.subList(0, first));
      assertThat(ended.text()).hasSize(first);
    }
  }
}
