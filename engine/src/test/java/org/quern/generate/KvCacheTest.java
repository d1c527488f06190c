package org.quern.generate;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.Engine;
import org.quern.EngineOptions;
import org.quern.Model;
import org.quern.exec.nativecpu.NativeKernels;
import org.quern.model.Gpt2Config;
import org.quern.model.LlamaConfig;
import org.quern.model.ModelConfig;
import org.quern.text.CharacterTokenizer;

/** Keys and values by head, in F32 and BF16: written piece by piece, read, and moved. */
class KvCacheTest {
  private static final CharacterTokenizer LETTERS =
      CharacterTokenizer.of("abcdefghijklmnopqrstuvwxyz");

  private static final int CAPACITY = 40;
  private static final int LAYERS = 2;
  private static final int HEAD_SIZE = 12;

  private static Engine open(String backend, String precision) {
    assumeTrue(
        !backend.equals("native") || NativeKernels.find().isLoaded(),
        "skipped: the native library is not there");
    return Engine.open(
        EngineOptions.defaults()
            .requireBackend(backend)
            .withThreads(2)
            .withMemoryBudget(256 << 20)
            .withPrecision(precision));
  }

  private static ModelConfig config(String family) {
    return family.equals("gpt2")
        ? Gpt2Config.of(40, 64, 4 * HEAD_SIZE, LAYERS, 4)
        : LlamaConfig.of(40, 64, 4 * HEAD_SIZE, LAYERS, 4, 2, 80);
  }

  private static Decoder decoder(Engine engine, Model model, int batch) {
    return new Decoder(engine.backend(), model.architecture(), model.memory(), batch, CAPACITY);
  }

  /**
   * A prompt goes in by two pieces of 16, of which the second has 13 tokens, or by pieces of one.
   */
  @ParameterizedTest
  @CsvSource({
    "native,f32,gpt2,1e-5",
    "native,f32,llama,1e-5",
    "native,bf16,gpt2,2e-2",
    "native,bf16,llama,2e-2",
    "vector,f32,gpt2,1e-5",
    "vector,f32,llama,1e-5"
  })
  void tokensOneByOneGiveWhatAPromptGives(
      String backend, String precision, String family, double most) {
    int[] prompt = new int[29];
    for (int i = 0; i < prompt.length; i++) {
      prompt[i] = i * 7 % 26;
    }
    try (Engine engine = open(backend, precision);
        Model model = engine.create(config(family), LETTERS, 3);
        Decoder whole = decoder(engine, model, 1);
        Decoder single = decoder(engine, model, 1)) {
      float[] expected = whole.feed(prompt).toArray(JAVA_FLOAT);
      float[] logits = {};
      for (int token : prompt) {
        logits = single.feed(token).toArray(JAVA_FLOAT);
      }
      assertClose(logits, expected, most);
      expected = whole.feed(6).toArray(JAVA_FLOAT);
      assertClose(single.feed(6).toArray(JAVA_FLOAT), expected, most);
    }
  }

  /** Each sequence goes on from its parent's tokens, and from none of another's. */
  @ParameterizedTest
  @CsvSource({
    "native,f32,gpt2",
    "native,f32,llama",
    "native,bf16,llama",
    "vector,f32,gpt2",
    "vector,f32,llama"
  })
  void reorderedSequencesGoOnFromTheirParents(String backend, String precision, String family) {
    int[][] columns = {{3, 9, 14}, {5, 5, 21}, {8, 2, 0}, {1, 17, 25}};
    int[] parents = {2, 0, 2};
    int[] next = {4, 11, 6};
    try (Engine engine = open(backend, precision);
        Model model = engine.create(config(family), LETTERS, 3);
        Decoder moved = decoder(engine, model, 3);
        Decoder direct = decoder(engine, model, 3)) {
      for (int[] tokens : columns) {
        moved.feedEach(tokens);
        direct.feedEach(new int[] {tokens[2], tokens[0], tokens[2]});
      }
      moved.cache().reorder(parents, moved.position());
      float[] logits = moved.feedEach(next).toArray(JAVA_FLOAT);
      assertThat(logits).containsExactly(direct.feedEach(next).toArray(JAVA_FLOAT));
      assertThat(logits).doesNotContain(Float.NaN);
    }
  }

  @Test
  void aCacheInBf16TakesHalfTheMemory() {
    long f32;
    try (Engine engine = open("native", "f32")) {
      f32 = bytes(engine);
    }
    assertThat(f32).isEqualTo(2L * LAYERS * 2 * CAPACITY * HEAD_SIZE * Float.BYTES);
    try (Engine engine = open("native", "bf16")) {
      assertThat(bytes(engine)).isEqualTo(f32 / 2);
    }
  }

  private static long bytes(Engine engine) {
    try (Model model = engine.create(config("llama"), LETTERS, 3);
        Decoder decoder = decoder(engine, model, 1)) {
      return decoder.cache().bytes();
    }
  }

  private static void assertClose(float[] logits, float[] expected, double most) {
    double largest = 0;
    for (float logit : expected) {
      largest = Math.max(largest, Math.abs(logit));
    }
    for (int i = 0; i < expected.length; i++) {
      assertThat((double) logits[i])
          .as("logit %d", i)
          .isCloseTo(expected[i], within(most * largest));
    }
  }
}
