package org.quern.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.Engine;
import org.quern.EngineOptions;
import org.quern.Model;
import org.quern.exec.ExecutionException;
import org.quern.exec.nativecpu.NativeKernels;
import org.quern.model.Gpt2Config;
import org.quern.text.CharacterTokenizer;

/** How fast weights are read where they stand. */
class WeightReadingTest {
  private static final CharacterTokenizer LETTERS =
      CharacterTokenizer.of("abcdefghijklmnopqrstuvwxyz");

  private static Engine open(String backend, String precision) {
    assumeTrue(
        backend.equals("vector") || NativeKernels.find().isLoaded(),
        "skipped: the native library is not there");
    return Engine.open(
        EngineOptions.defaults()
            .requireBackend(backend)
            .withThreads(2)
            .withMemoryBudget(256 << 20)
            .withPrecision(precision));
  }

  private static Model create(Engine engine, int channels) {
    return engine.create(Gpt2Config.of(40, 16, channels, 2, 4), LETTERS, 3);
  }

  private static Decoder decoder(Engine engine, Model model) {
    return new Decoder(engine.backend(), model.architecture(), model.memory(), 1, 16);
  }

  @ParameterizedTest
  @CsvSource({"native, f32", "native, bf16", "vector, f32"})
  void weightsThatStandTogetherAreRead(String backend, String precision) {
    try (Engine engine = open(backend, precision);
        Model model = create(engine, 256);
        Decoder decoder = decoder(engine, model)) {
      assertThat(decoder.feed(1).byteSize()).isPositive();
      // Between a slow bus and a cache of the future.
      assertThat(decoder.measureReading().orElseThrow()).isBetween(1e7, 1e13);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"native", "vector"})
  void ofAFewKilobytesNothingCanBeTold(String backend) {
    try (Engine engine = open(backend, "f32");
        Model model = create(engine, 16);
        Decoder decoder = decoder(engine, model)) {
      assertThat(decoder.measureReading()).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"native", "vector"})
  void aClosedModelIsNotRead(String backend) {
    try (Engine engine = open(backend, "f32")) {
      Model model = create(engine, 256);
      try (Decoder decoder = decoder(engine, model)) {
        model.close();
        assertThatThrownBy(decoder::measureReading)
            .isInstanceOf(ExecutionException.class)
            .hasMessageContaining("closed");
      }
    }
  }
}
