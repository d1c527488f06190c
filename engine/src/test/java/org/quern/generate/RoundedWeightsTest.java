package org.quern.generate;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.Engine;
import org.quern.EngineOptions;
import org.quern.Model;
import org.quern.data.BatchSource;
import org.quern.data.Corpus;
import org.quern.data.TokenFile;
import org.quern.exec.nativecpu.NativeKernels;
import org.quern.ir.Parameter;
import org.quern.ir.Region;
import org.quern.model.Gpt2Config;
import org.quern.model.LlamaConfig;
import org.quern.model.ModelConfig;
import org.quern.text.CharacterTokenizer;
import org.quern.train.TrainingOptions;

/** Decoding in bf16 reads matrices rounded to BF16, which are those of the model as it is now. */
class RoundedWeightsTest {
  private static final CharacterTokenizer LETTERS =
      CharacterTokenizer.of("abcdefghijklmnopqrstuvwxyz");

  private static final int[] PROMPT = {1, 5, 3, 9, 2, 7, 7, 4, 20, 11, 13, 2};

  private static Engine open(String precision) {
    assumeTrue(NativeKernels.find().isLoaded(), "skipped: the native library is not there");
    return Engine.open(
        EngineOptions.defaults()
            .requireBackend("native")
            .withThreads(2)
            .withMemoryBudget(256 << 20)
            .withPrecision(precision));
  }

  private static float[] logits(Engine engine, Model model) {
    try (Decoder decoder =
        new Decoder(engine.backend(), model.architecture(), model.memory(), 1, 32)) {
      MemorySegment all = decoder.feed(PROMPT);
      assertThat(all.byteSize()).isPositive();
      return decoder.feed(6).toArray(JAVA_FLOAT);
    }
  }

  private static void roundMatrices(Model model) {
    for (Parameter parameter : model.memory().layout().parameters()) {
      if (parameter.shape().rank() > 1) {
        MemorySegment weights = model.memory().segment(Region.PARAMETERS, parameter.name());
        for (long i = 0; i < parameter.shape().elements(); i++) {
          int bits = Float.floatToRawIntBits(weights.getAtIndex(JAVA_FLOAT, i));
          weights.setAtIndex(JAVA_FLOAT, i, Float.intBitsToFloat(bits & 0xffff0000));
        }
      }
    }
  }

  /**
   * Where the weights are BF16 numbers already, a token gives the same as in F32, but for the
   * prompt's rounded activations.
   */
  @ParameterizedTest
  @ValueSource(strings = {"gpt2", "llama"})
  void weightsThatNeedNoRoundingGiveTheSame(String family) {
    ModelConfig config =
        family.equals("gpt2")
            ? Gpt2Config.of(40, 64, 48, 2, 3)
            : LlamaConfig.of(40, 64, 48, 2, 4, 2, 80);
    float[] expected;
    try (Engine engine = open("f32");
        Model model = engine.create(config, LETTERS, 3)) {
      roundMatrices(model);
      expected = logits(engine, model);
    }
    try (Engine engine = open("bf16");
        Model model = engine.create(config, LETTERS, 3)) {
      roundMatrices(model);
      assertThat(distance(logits(engine, model), expected)).isLessThan(2e-2);
      assertThat(model.memory().has(Region.ROUNDED_PARAMETERS)).isTrue();
    }
  }

  @Test
  void changedWeightsAreRoundedAnew() {
    try (Engine engine = open("bf16");
        Model model = engine.create(Gpt2Config.of(40, 64, 48, 2, 3), LETTERS, 3)) {
      float[] before = logits(engine, model);
      assertThat(logits(engine, model)).containsExactly(before);
      MemorySegment head = model.memory().segment(Region.PARAMETERS, "transformer.wte.weight");
      for (long i = 0; i < head.byteSize() / Float.BYTES; i++) {
        head.setAtIndex(JAVA_FLOAT, i, 2 * head.getAtIndex(JAVA_FLOAT, i));
      }
      assertThat(distance(logits(engine, model), before)).isGreaterThan(0.1);
    }
  }

  /** A model keeps its decoder from one text to the next, and may be trained in between. */
  @Test
  void aDecoderThatIsKeptSeesTheTrainedWeights(@TempDir Path folder) throws IOException {
    String text = "the quick brown fox jumps over the lazy dog ".repeat(40);
    Path file = Files.writeString(folder.resolve("text.txt"), text);
    CharacterTokenizer letters = CharacterTokenizer.of(" abcdefghijklmnopqrstuvwxyz");
    try (Engine engine = open("bf16");
        TokenFile tokens = TokenFile.write(folder.resolve("tokens"), Corpus.of(file), letters);
        Model model = engine.create(Gpt2Config.of(27, 32, 48, 2, 3), letters, 3)) {
      GenerationOptions greedy = GenerationOptions.greedy(20);
      String before = model.generate("the quick ", greedy, piece -> true).text();
      model.train(BatchSource.shuffled(tokens.tokens(), 8, 32, 1), TrainingOptions.of(200));
      assertThat(model.generate("the quick ", greedy, piece -> true).text())
          .isNotEqualTo(before)
          .startsWith("brown fox jumps");
    }
  }

  private static double distance(float[] a, float[] b) {
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < b.length; i++) {
      difference += (double) (a[i] - b[i]) * (a[i] - b[i]);
      norm += (double) b[i] * b[i];
    }
    return Math.sqrt(difference / norm);
  }
}
