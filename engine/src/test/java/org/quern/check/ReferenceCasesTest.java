package org.quern.check;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.Engine;
import org.quern.Model;
import org.quern.TestEngines;
import org.quern.format.ConfigJson;
import org.quern.format.ModelWeights;
import org.quern.format.SafetensorsFile;
import org.quern.format.TensorComparison;
import org.quern.generate.Generation;
import org.quern.generate.GenerationOptions;

/** PyTorch's results, on every backend and tier: outputs, loss, gradients, steps, text. */
class ReferenceCasesTest {
  private static final List<String> CASES =
      List.of("gpt2", "gpt2-ignored-labels", "llama-gqa", "llama3-rope", "qwen2", "qwen3");

  /** The cases' tolerance is 1e-4; PyTorch's own F32 run is within 6e-6, so little more is ours. */
  private static final double NEAR = 1e-5;

  @TempDir Path folder;

  static Stream<Arguments> casesOnEngines() {
    return TestEngines.all().stream()
        .flatMap(kind -> CASES.stream().map(name -> Arguments.of(name, kind)));
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("casesOnEngines")
  void everythingIsNear(String name, TestEngines.Kind kind) {
    Path reference = TestEngines.shared("fixtures").resolve(name);
    Path out = folder.resolve("out.safetensors");
    try (Engine engine = kind.open();
        ModelWeights expected = SafetensorsFile.open(reference.resolve("expected.safetensors"))) {
      TensorComparison comparison = Check.run(engine, reference, out).orElseThrow();
      assertThat(comparison.failures()).isEmpty();
      assertThat(comparison.results()).hasSizeGreaterThanOrEqualTo(expected.tensors().size());
      TensorComparison.Result worst = comparison.worst().orElseThrow();
      assertThat(worst.error()).as(worst.toString()).isLessThan(NEAR);
      assertThat(engine.backend().memory().openSlabs()).hasSize(1);
    }
  }

  /** The cases' own tolerance is twice the error of PyTorch's automatic mixed precision. */
  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("casesOnEngines")
  void everythingIsWithinTheToleranceInBf16(String name, TestEngines.Kind kind) {
    assumeTrue(!kind.name().equals("vector"), "skipped: the Vector API computes in f32 alone");
    Path reference = TestEngines.shared("fixtures").resolve(name);
    try (Engine engine = Engine.open(kind.options().withPrecision("bf16"))) {
      TensorComparison comparison =
          Check.run(engine, reference, folder.resolve("out.safetensors")).orElseThrow();
      assertThat(comparison.failures()).isEmpty();
      TensorComparison.Result worst = comparison.worst().orElseThrow();
      assertThat(worst.error()).as("rounded at all: " + worst).isGreaterThan(NEAR);
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("casesOnEngines")
  void continuationsAreEqual(String name, TestEngines.Kind kind) {
    Path reference = TestEngines.shared("fixtures").resolve(name);
    ConfigJson json = ConfigJson.read(reference.resolve("case.json"));
    assumeTrue(json.has("greedy"), "skipped: the case has no continuation");
    try (Engine engine = kind.open();
        Model model = engine.load(reference)) {
      ConfigJson greedy = json.requireObject("greedy");
      List<Integer> continuation = ints(greedy, "continuation");
      assertThat(generate(model, greedy, GenerationOptions.greedy(continuation.size())))
          .isEqualTo(continuation);
      ConfigJson beams = json.requireObject("beam4");
      continuation = ints(beams, "continuation");
      assertThat(generate(model, beams, GenerationOptions.beamSearch(continuation.size(), 4)))
          .isEqualTo(continuation);
    }
  }

  private static List<Integer> generate(Model model, ConfigJson json, GenerationOptions options) {
    int[] prompt = ints(json, "prompt").stream().mapToInt(Integer::intValue).toArray();
    Generation generation =
        model.generate(prompt, options.withEndAtEndOfText(false), piece -> true);
    assertThat(generation.promptTokens()).isEqualTo(prompt.length);
    return generation.ids();
  }

  private static List<Integer> ints(ConfigJson json, String key) {
    return json.ints(key, 0, Integer.MAX_VALUE);
  }
}
