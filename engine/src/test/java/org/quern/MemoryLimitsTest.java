package org.quern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.exec.LinkedMemory;
import org.quern.generate.Decoder;
import org.quern.generate.GenerationOptions;
import org.quern.memory.MemoryException;
import org.quern.model.Gpt2Config;
import org.quern.model.LanguageModelGraphs;
import org.quern.plan.Plan;
import org.quern.text.CharacterTokenizer;
import org.quern.train.Optimizer;

/** What does not fit is refused before anything is taken, and nothing is lost by that. */
class MemoryLimitsTest {
  private static final CharacterTokenizer TOKENIZER = CharacterTokenizer.of("abcdefghijklmnop");
  private static final int CONTEXT = 4096;

  /** Room for the worker's scratch, the model of {@link #open} and 2.5 MiB. */
  private static final long BUDGET = 6L << 20;

  static List<TestEngines.Kind> engines() {
    return TestEngines.backends();
  }

  private static Engine open(TestEngines.Kind kind) {
    return Engine.open(kind.options().withThreads(1).withMemoryBudget(BUDGET));
  }

  private static Model create(Engine engine, int channels) {
    return engine.create(
        Gpt2Config.of(TOKENIZER.vocabularySize(), CONTEXT, channels, 2, 2), TOKENIZER, 1);
  }

  private static void refused(Engine engine, String what, ThrowingCallable call) {
    List<String> before = engine.backend().memory().openSlabs();
    assertThatThrownBy(call)
        .isInstanceOf(MemoryException.class)
        .hasMessageStartingWith("The " + what)
        .hasMessageContaining("would need")
        .hasMessageContaining("of the budget of 6.00 MiB only")
        .hasMessageEndingWith(".");
    assertThat(engine.backend().memory().openSlabs()).isEqualTo(before);
  }

  @ParameterizedTest
  @MethodSource("engines")
  void whatDoesNotFitLeavesNothingBehind(TestEngines.Kind kind) {
    try (Engine engine = open(kind)) {
      refused(engine, "parameters of a new gpt2", () -> create(engine, 1024));
      try (Model model = create(engine, 64)) {
        refused(
            engine,
            "keys and values",
            () -> new Decoder(engine.backend(), model.architecture(), model.memory(), 1, CONTEXT));
        refused(
            engine,
            "keys and values",
            () -> model.generate("abc", GenerationOptions.greedy(CONTEXT)));
        refused(
            engine,
            "activations and program",
            () ->
                engine
                    .backend()
                    .link(
                        Plan.of(LanguageModelGraphs.logits(model.architecture(), 4, 1024)),
                        LinkedMemory.of(model.memory())));
        assertThat(model.generate("abc", GenerationOptions.greedy(5)).ids()).isNotEmpty();
      }
      assertThat(engine.backend().memory().openSlabs()).hasSize(1);
    }
  }

  @ParameterizedTest
  @MethodSource("engines")
  void aTrainingThatDoesNotFitGivesAllBackWithItsModel(TestEngines.Kind kind) {
    try (Engine engine = open(kind)) {
      try (Model model = create(engine, 64)) {
        Optimizer optimizer = new Optimizer.AdamW(0.9f, 0.95f, 1e-8f, 0.1f);
        Plan plan =
            Plan.of(
                LanguageModelGraphs.training(
                    model.architecture(), 1, 8, optimizer.keepingGradients()));
        assertThatThrownBy(() -> engine.backend().link(plan, LinkedMemory.of(model.memory())))
            .isInstanceOf(MemoryException.class)
            .hasMessageContaining("moments of a new gpt2 would need");
        assertThat(model.generate("abc", GenerationOptions.greedy(2)).ids()).isNotEmpty();
      }
      assertThat(engine.backend().memory().openSlabs()).hasSize(1);
    }
  }

  @ParameterizedTest
  @MethodSource("engines")
  void anEngineNeedsRoomForItsWorkers(TestEngines.Kind kind) {
    assertThatThrownBy(() -> Engine.open(kind.options().withMemoryBudget(1000)))
        .isInstanceOf(MemoryException.class)
        .hasMessageContaining("workers' scratch");
    assertThatThrownBy(() -> Engine.open(kind.options().withMemoryBudget(0)))
        .isInstanceOf(MemoryException.class)
        .hasMessageContaining("give a positive number");
  }
}
