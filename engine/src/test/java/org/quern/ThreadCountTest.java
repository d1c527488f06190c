package org.quern;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.exec.Executable;
import org.quern.exec.LinkedMemory;
import org.quern.generate.Decoder;
import org.quern.ir.Region;
import org.quern.model.LanguageModelGraphs;
import org.quern.model.Pass;
import org.quern.plan.Plan;
import org.quern.train.Optimizer;

/** The same bits by any number of threads, more than there are cores included. */
class ThreadCountTest {
  private static final int BATCH = 2;
  private static final int TIME = 19;
  private static final int MOST = 5;

  static Stream<Arguments> shapesOnEngines() {
    return TestEngines.backends().stream()
        .flatMap(kind ->
            Stream.of(
                    "gpt2, exact GELU, odd head size, free head",
                    "llama, one key/value head, tied",
                    "qwen3, windows, head size apart")
                .map(shape -> Arguments.of(shape, kind)));
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("shapesOnEngines")
  void resultsAreEqualBitForBit(String shape, TestEngines.Kind kind) {
    List<Integer> expected = compute(shape, kind, 1);
    for (int threads = 2; threads <= MOST; threads++) {
      assertThat(compute(shape, kind, threads)).as("%d threads", threads).isEqualTo(expected);
    }
  }

  /** Hashes of the logits of prompts and single tokens, and of loss, gradients and one update. */
  private static List<Integer> compute(String shape, TestEngines.Kind kind, int threads) {
    try (Engine engine = kind.open(threads);
        Model model = ModelShapes.create(engine, shape)) {
      int vocabulary = model.config().vocabularySize();
      int prompt;
      int next;
      try (Decoder decoder =
          new Decoder(engine.backend(), model.architecture(), model.memory(), 1, 100)) {
        prompt = hash(decoder.feed(ModelShapes.ids(85, vocabulary)));
        next = hash(decoder.feed(1));
      }
      Optimizer optimizer = new Optimizer.AdamW(0.9f, 0.95f, 1e-8f, 0.1f);
      Plan plan =
          Plan.of(
              LanguageModelGraphs.training(
                  model.architecture(), BATCH, TIME, optimizer.keepingGradients()));
      try (Executable program = engine.backend().link(plan, LinkedMemory.of(model.memory()))) {
        int[] ids = ModelShapes.ids(BATCH * TIME, vocabulary);
        for (String input : List.of(Pass.IDS, LanguageModelGraphs.LABELS)) {
          MemorySegment.copy(ids, 0, program.input(input), JAVA_INT, 0, ids.length);
        }
        program.step().step(1);
        program.step().learningRate(0.01f);
        program.step().maxNorm(1);
        program.step().update(false);
        program.run();
        float loss = program.step().loss();
        int gradients = hash(model.memory().segment(Region.GRADIENTS));
        program.step().update(true);
        program.run();
        int parameters = hash(model.memory().segment(Region.PARAMETERS));
        return List.of(prompt, next, Float.floatToRawIntBits(loss), gradients, parameters);
      }
    }
  }

  private static int hash(MemorySegment segment) {
    return java.util.Arrays.hashCode(segment.toArray(JAVA_INT));
  }
}
