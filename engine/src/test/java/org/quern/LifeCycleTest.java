package org.quern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.data.BatchSource;
import org.quern.data.TokenSpan;
import org.quern.exec.Executable;
import org.quern.exec.ExecutionException;
import org.quern.exec.LinkedMemory;
import org.quern.generate.Decoder;
import org.quern.generate.FinishReason;
import org.quern.generate.Generation;
import org.quern.generate.GenerationException;
import org.quern.generate.GenerationOptions;
import org.quern.memory.MemoryException;
import org.quern.model.Gpt2Config;
import org.quern.model.LanguageModelGraphs;
import org.quern.model.ModelConfig;
import org.quern.plan.Plan;
import org.quern.text.CharacterTokenizer;
import org.quern.train.StepReport;
import org.quern.train.Trainer;
import org.quern.train.TrainingException;
import org.quern.train.TrainingListener;
import org.quern.train.TrainingOptions;

/** Opening, closing and using engines and models in every order and from many threads. */
@Timeout(120)
class LifeCycleTest {
  private static final CharacterTokenizer TOKENIZER =
      CharacterTokenizer.of("The mill stands by the river, and the river turns the wheel.");

  @TempDir Path folder;

  static List<TestEngines.Kind> engines() {
    return TestEngines.backends();
  }

  private static ModelConfig config() {
    return Gpt2Config.of(TOKENIZER.vocabularySize(), 512, 32, 2, 2);
  }

  private static Model create(Engine engine) {
    return engine.create(config(), TOKENIZER, 1);
  }

  /** What a thread does when memory goes away under it: it ends with a sentence, or early. */
  private static void check(Callable<?> work) throws Exception {
    try {
      Object ignored = work.call();
    } catch (ExecutionException | EngineException | MemoryException | GenerationException e) {
      assertThat(e).hasMessageEndingWith(".").hasMessageContaining("closed");
    }
  }

  private static long workersAlive() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("quern-worker"))
        .count();
  }

  @ParameterizedTest
  @MethodSource("engines")
  void anEngineClosesWhileItsModelWrites(TestEngines.Kind kind) throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(1)) {
      for (int round = 0; round < 30; round++) {
        Engine engine = kind.open();
        Model model = create(engine);
        CountDownLatch begun = new CountDownLatch(1 + round % 5);
        Future<?> writer =
            threads.submit(() -> {
              check(() -> {
                while (true) {
                  Generation generation =
                      model.generate(
                          "The",
                          GenerationOptions.greedy(400).withEndAtEndOfText(false),
                          piece -> {
                            begun.countDown();
                            return true;
                          });
                  if (generation.reason() == FinishReason.CANCELLED) {
                    return generation;
                  }
                }
              });
              return true;
            });
        begun.await();
        engine.close();
        writer.get(30, TimeUnit.SECONDS);
        assertThat(engine.backend().memory().allocated()).isZero();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("engines")
  void anEngineOrItsModelClosesInTheMiddleOfATraining(TestEngines.Kind kind) throws Exception {
    int[] ids = new java.util.Random(1).ints(1000, 0, TOKENIZER.vocabularySize()).toArray();
    TokenSpan tokens = TokenSpan.of(ids, TOKENIZER.vocabularySize());
    try (ExecutorService threads = Executors.newFixedThreadPool(1)) {
      for (int round = 0; round < 20; round++) {
        Engine engine = kind.open();
        Model model = create(engine);
        CountDownLatch begun = new CountDownLatch(1 + round % 5);
        TrainingListener listener =
            new TrainingListener() {
              @Override
              public void onStep(StepReport report) {
                begun.countDown();
              }
            };
        Future<?> training =
            threads.submit(() -> {
              try (Trainer trainer =
                  model.trainer(
                      BatchSource.shuffled(tokens, 2, 8, 1),
                      Optional.empty(),
                      TrainingOptions.of(1_000_000),
                      listener)) {
                assertThatThrownBy(trainer::train)
                    .isInstanceOfAny(TrainingException.class, ExecutionException.class)
                    .hasMessageContaining("closed");
              }
            });
        begun.await();
        if (round % 2 == 0) {
          model.close();
        }
        engine.close();
        training.get(30, TimeUnit.SECONDS);
        assertThat(engine.backend().memory().allocated()).isZero();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("engines")
  void aModelClosesWhileItWrites(TestEngines.Kind kind) throws Exception {
    try (Engine engine = kind.open();
        ExecutorService threads = Executors.newFixedThreadPool(1)) {
      long before = engine.backend().memory().allocated();
      for (int round = 0; round < 30; round++) {
        Model model = create(engine);
        CountDownLatch begun = new CountDownLatch(1 + round % 5);
        Future<?> writer =
            threads.submit(() ->
                assertThatThrownBy(
                        () -> {
                          while (true) {
                            model.generate(
                                "The",
                                GenerationOptions.greedy(400).withEndAtEndOfText(false),
                                piece -> {
                                  begun.countDown();
                                  return true;
                                });
                          }
                        })
                    .isInstanceOf(ExecutionException.class)
                    .hasMessageContaining("closed"));
        begun.await();
        model.close();
        writer.get(30, TimeUnit.SECONDS);
        assertThat(engine.backend().memory().allocated()).isEqualTo(before);
      }
    }
  }

  @SuppressWarnings("try") // Closing early is what is tested.
  @ParameterizedTest
  @MethodSource("engines")
  void aListenerMayCloseWhatCallsIt(TestEngines.Kind kind) {
    try (Engine engine = kind.open()) {
      Model first = create(engine);
      assertThatThrownBy(() ->
              first.generate(
                  "The",
                  GenerationOptions.greedy(10),
                  piece -> {
                    first.close();
                    return true;
                  }))
          .isInstanceOf(ExecutionException.class)
          .hasMessageContaining("closed");
      Model second = create(engine);
      assertThatThrownBy(() ->
              second.generate(
                  "The",
                  GenerationOptions.greedy(10),
                  piece -> {
                    engine.close();
                    return true;
                  }))
          .isInstanceOf(ExecutionException.class)
          .hasMessageContaining("closed");
    }
  }

  @ParameterizedTest
  @MethodSource("engines")
  void whatIsClosedSaysSo(TestEngines.Kind kind) {
    Engine engine = kind.open();
    Model model = create(engine);
    Plan plan = Plan.of(LanguageModelGraphs.logits(model.architecture(), 1, 4));
    Executable program = engine.backend().link(plan, LinkedMemory.of(model.memory()));
    Executable another = engine.backend().link(plan, LinkedMemory.of(model.memory()));
    Decoder decoder = new Decoder(engine.backend(), model.architecture(), model.memory(), 1, 8);
    Decoder orphan = new Decoder(engine.backend(), model.architecture(), model.memory(), 1, 8);
    program.run();
    program.close();
    program.close();
    assertThatThrownBy(program::run)
        .isInstanceOf(ExecutionException.class)
        .hasMessage("The program is closed; link it again.");
    program.step().cancel();
    decoder.feed(1);
    decoder.close();
    decoder.close();
    decoder.cancel();
    assertThatThrownBy(() -> decoder.feed(1))
        .isInstanceOf(GenerationException.class)
        .hasMessage("The decoder is closed; make another.");
    model.close();
    model.close();
    String closed = "The model a new gpt2 is closed; load or create it again.";
    assertThatThrownBy(another::run).isInstanceOf(ExecutionException.class);
    assertThatThrownBy(() -> orphan.feed(new int[] {1, 2})).hasMessageContaining("closed");
    assertThatThrownBy(() -> model.generate("The")).hasMessageContaining("closed");
    assertThatThrownBy(() -> model.save(folder)).hasMessage(closed);
    assertThatThrownBy(() -> engine.backend().link(plan, LinkedMemory.of(model.memory())))
        .hasMessage(closed);
    Model second = create(engine);
    engine.close();
    engine.close();
    String over = "The engine is closed; open another.";
    assertThatThrownBy(() -> create(engine)).hasMessage(over);
    assertThatThrownBy(() -> engine.load(folder)).hasMessage(over);
    assertThatThrownBy(another::run).hasMessage(over);
    assertThatThrownBy(() -> second.generate("The")).hasMessageContaining("closed");
    assertThatThrownBy(() -> engine.backend().allocate("late", model.memory().layout()))
        .isInstanceOf(MemoryException.class)
        .hasMessageContaining("closed");
    another.close();
    orphan.close();
    second.close();
    assertThat(engine.backend().memory().allocated()).isZero();
  }

  @ParameterizedTest
  @MethodSource("engines")
  void sixteenThreadsGetTheirOwnText(TestEngines.Kind kind) throws Exception {
    try (Engine engine = kind.open();
        Model model = create(engine);
        ExecutorService threads = Executors.newFixedThreadPool(16)) {
      List<String> prompts = List.of("The mill", "river", "and the", "wheel.");
      List<Generation> alone =
          prompts.stream().map(prompt -> model.generate(prompt, sampling())).toList();
      assertThat(alone.stream().map(Generation::ids).distinct().count()).isGreaterThan(1);
      List<Future<Generation>> together = new ArrayList<>();
      for (int index = 0; index < 16; index++) {
        String prompt = prompts.get(index % prompts.size());
        together.add(threads.submit(() -> model.generate(prompt, sampling())));
      }
      for (int index = 0; index < together.size(); index++) {
        assertThat(together.get(index).get(60, TimeUnit.SECONDS).ids())
            .isEqualTo(alone.get(index % prompts.size()).ids());
      }
    }
  }

  private static GenerationOptions sampling() {
    return GenerationOptions.sampling(12, 1, 7).withEndAtEndOfText(false);
  }

  @SuppressWarnings("try") // As above.
  @Test
  void twoEnginesDoNotKnowOfEachOther() {
    for (TestEngines.Kind kind : TestEngines.backends()) {
      try (Engine first = kind.open();
          Engine second = TestEngines.best().open();
          Model mine = create(first);
          Model yours = create(second)) {
        Generation before = yours.generate("The mill", sampling());
        assertThat(mine.generate("The mill", sampling()).ids()).isEqualTo(before.ids());
        first.close();
        assertThat(yours.generate("The mill", sampling()).ids()).isEqualTo(before.ids());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("engines")
  void fiftyEnginesLeaveNoThreadAndNoMemory(TestEngines.Kind kind) {
    long before = workersAlive();
    for (int round = 0; round < 50; round++) {
      Engine engine = kind.open(4);
      Model model = create(engine);
      if (round % 5 == 0) {
        assertThat(model.generate("The", GenerationOptions.greedy(2)).ids()).isNotEmpty();
      }
      assertThat(workersAlive()).isEqualTo(before + 3);
      engine.close();
      assertThat(engine.backend().memory().allocated()).isZero();
      assertThat(engine.backend().memory().openSlabs()).isEmpty();
    }
    assertThat(workersAlive()).isEqualTo(before);
  }

  @ParameterizedTest
  @MethodSource("engines")
  void manyThreadsMayCloseAtOnce(TestEngines.Kind kind) throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      for (int round = 0; round < 20; round++) {
        Engine engine = kind.open();
        Model model = create(engine);
        AtomicInteger done = new AtomicInteger();
        CountDownLatch start = new CountDownLatch(1);
        List<Callable<?>> work =
            List.of(
                () -> model.generate("The", GenerationOptions.greedy(50)),
                () -> create(engine),
                () -> {
                  model.close();
                  return true;
                },
                () -> {
                  engine.close();
                  return true;
                });
        List<Future<?>> futures = new ArrayList<>();
        for (Callable<?> one : work) {
          futures.add(
              threads.submit(() -> {
                start.await();
                check(one);
                return done.incrementAndGet();
              }));
        }
        start.countDown();
        for (Future<?> future : futures) {
          future.get(30, TimeUnit.SECONDS);
        }
        assertThat(done).hasValue(work.size());
        engine.close();
        assertThat(engine.backend().memory().openSlabs()).isEmpty();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("engines")
  void anInterruptedCallerStillGetsItsText(TestEngines.Kind kind) throws Exception {
    try (Engine engine = kind.open();
        Model model = create(engine);
        ExecutorService threads = Executors.newFixedThreadPool(1)) {
      Generation before = model.generate("The mill", sampling());
      Future<Generation> interrupted =
          threads.submit(() -> {
            Thread.currentThread().interrupt();
            Generation generation = model.generate("The mill", sampling());
            assertThat(Thread.interrupted()).isTrue();
            return generation;
          });
      assertThat(interrupted.get(30, TimeUnit.SECONDS).ids()).isEqualTo(before.ids());
    }
  }

  @ParameterizedTest
  @MethodSource("engines")
  void anInterruptedThreadCanClose(TestEngines.Kind kind) throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(1)) {
      Engine engine = kind.open();
      threads
          .submit(() -> {
            Thread.currentThread().interrupt();
            engine.close();
            assertThat(Thread.interrupted()).isTrue();
          })
          .get(30, TimeUnit.SECONDS);
      assertThat(engine.backend().memory().allocated()).isZero();
    }
  }
}
