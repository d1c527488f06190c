package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.Model;
import org.quern.data.BatchSource;
import org.quern.ir.Region;
import org.quern.model.Gpt2Config;
import org.quern.model.ModelConfig;

class CheckpointTest {
  private static final ModelConfig CONFIG = TrainingFixture.gpt2(0.2f);

  @TempDir Path folder;
  private final List<String> notices = new ArrayList<>();
  private final TrainingListener listener =
      new TrainingListener() {
        @Override
        public void onNotice(String sentence) {
          notices.add(sentence);
        }
      };

  /** All that a training leaves in memory. */
  private record Outcome(float[] weights, float[] first, float[] second, float loss) {
    static Outcome of(TrainingFixture fixture, TrainingResult result) {
      return new Outcome(
          fixture.weights(),
          fixture.copy(Region.FIRST_MOMENTS),
          fixture.copy(Region.SECOND_MOMENTS),
          result.loss());
    }

    void assertSameBits(Outcome expected) {
      assertThat(weights).as("weights").isEqualTo(expected.weights);
      assertThat(first).as("first moments").isEqualTo(expected.first);
      assertThat(second).as("second moments").isEqualTo(expected.second);
      assertThat(loss).as("loss").isEqualTo(expected.loss);
    }
  }

  private TrainingOptions options(long steps) {
    return TrainingFixture.options(steps)
        .withSchedule(new Schedule.Cosine(3e-3, 1e-4, 3, 12))
        .withAccumulation(2)
        .withCheckpoints(4, 2)
        .withFolder(folder);
  }

  private Outcome train(TrainingOptions options, boolean resume) {
    return train(TrainingFixture.anyBackend(), options, resume);
  }

  private Outcome train(String backend, TrainingOptions options, boolean resume) {
    try (TrainingFixture fixture = TrainingFixture.open(backend, CONFIG, 2);
        Trainer trainer = fixture.trainer(TrainingFixture.batches(), options, listener)) {
      if (resume) {
        assertThat(trainer.resume()).isPresent();
      }
      return Outcome.of(fixture, trainer.train());
    }
  }

  private static TrainingOptions withoutFolder(TrainingOptions options) {
    return TrainingFixture.options(options.steps())
        .withSchedule(options.schedule())
        .withAccumulation(2);
  }

  private List<Long> steps() {
    return Checkpoint.list(folder).stream().map(Checkpoint::step).toList();
  }

  private Path checkpoint(long step) {
    return Checkpoint.folder(folder, step);
  }

  @ParameterizedTest
  @MethodSource("org.quern.train.TrainingFixture#backends")
  void aResumedTrainingGivesTheBitsOfAnUninterruptedOne(String backend) {
    Outcome expected = train(backend, withoutFolder(options(12)), false);
    // Step 7 is in the middle of an epoch (17 windows, 8 a step) and between two checkpoints.
    assertThat(TrainingFixture.batches().batchesPerEpoch()).isEqualTo(5);
    train(backend, options(7), false);
    assertThat(steps()).containsExactly(7L, 4L);
    train(backend, options(12), true).assertSameBits(expected);
    assertThat(steps()).containsExactly(12L, 8L);
    assertThat(JsonLog.read(folder.resolve(JsonLog.FILE)))
        .extracting(JsonLog.Entry::step)
        .containsExactly(1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L, 10L, 11L, 12L);
    assertThat(notices).isEmpty();
  }

  @Test
  void aResumeOfWhatIsFinishedOnlyEvaluates() {
    Outcome expected = train(options(4), false);
    try (TrainingFixture fixture = TrainingFixture.open(TrainingFixture.anyBackend(), CONFIG, 2);
        Trainer trainer = fixture.trainer(TrainingFixture.batches(), options(4), listener)) {
      assertThat(trainer.resume()).map(Checkpoint::step).hasValue(4L);
      TrainingResult result = trainer.train();
      assertThat(result.finished()).isTrue();
      assertThat(result.checkpoint()).map(Checkpoint::step).hasValue(4L);
      assertThat(fixture.weights()).isEqualTo(expected.weights());
    }
  }

  @Test
  void aCheckpointIsAModelThatCanBeLoaded() {
    Outcome trained = train(options(4), false);
    try (TrainingFixture fixture = TrainingFixture.open(CONFIG);
        Model model = fixture.engine.load(checkpoint(4))) {
      assertThat(model.config()).isEqualTo(CONFIG);
      assertThat(model.tokenizer()).isPresent();
      assertThat(
              model
                  .memory()
                  .segment(Region.PARAMETERS)
                  .mismatch(MemorySegment.ofArray(trained.weights())))
          .isEqualTo(-1);
    }
  }

  enum Damage {
    CUT_OFF {
      @Override
      void apply(Path checkpoint) throws IOException {
        Path file = checkpoint.resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
      }
    },
    ONE_BIT {
      @Override
      void apply(Path checkpoint) throws IOException {
        Path file = checkpoint.resolve(CheckpointStore.TRAINING);
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 100] ^= 1;
        Files.write(file, bytes);
      }
    },
    MISSING_FILE {
      @Override
      void apply(Path checkpoint) throws IOException {
        Files.delete(checkpoint.resolve(CheckpointState.FILE));
      }
    },
    EMPTY_DONE {
      @Override
      void apply(Path checkpoint) throws IOException {
        Files.write(checkpoint.resolve(Checkpoint.DONE), new byte[0]);
      }
    },
    DONE_THAT_POINTS_ELSEWHERE {
      @Override
      void apply(Path checkpoint) throws IOException {
        Files.writeString(
            checkpoint.resolve(Checkpoint.DONE),
            "{\"files\":{\"../checkpoint-4/training.json\":{\"bytes\":1,\"crc32c\":1}}}");
      }
    };

    abstract void apply(Path checkpoint) throws IOException;
  }

  @ParameterizedTest
  @EnumSource
  void fallsBackToTheOneBeforeADamagedOneAndSaysSo(Damage damage) throws IOException {
    Outcome expected = train(options(7), false);
    damage.apply(checkpoint(7));
    train(options(7), true).assertSameBits(expected);
    assertThat(notices)
        .singleElement()
        .asString()
        .startsWith("The checkpoint " + checkpoint(7) + " is damaged and left aside: it ");
    assertThat(steps()).containsExactly(7L, 4L);
    assertThat(Checkpoint.newest(folder, notices::add)).map(Checkpoint::step).hasValue(7L);
    assertThat(notices).hasSize(1);
  }

  @Test
  void ignoresAndRemovesWhatKilledTrainingsLeave() throws IOException {
    train(options(4), false);
    // Killed while writing, after the rename but before DONE, and while an old one was removed.
    Path partial = Files.createDirectory(folder.resolve("checkpoint-8.partial"));
    Files.writeString(partial.resolve(".model.safetensors.x.tmp"), "half");
    copy(checkpoint(4), checkpoint(6));
    Files.delete(checkpoint(6).resolve(Checkpoint.DONE));
    copy(checkpoint(4), folder.resolve("checkpoint-2.partial"));
    // Not ours, whatever its name.
    Path foreign = Files.createDirectory(folder.resolve("checkpoint-500"));
    Files.writeString(foreign.resolve("trainer_state.json"), "{}");
    assertThat(steps()).containsExactly(4L);
    train(options(5), true);
    assertThat(names(folder))
        .containsExactly(".lock", "checkpoint-4", "checkpoint-5", "checkpoint-500", JsonLog.FILE);
    assertThat(names(checkpoint(5)))
        .containsExactly(
            "DONE",
            "config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json",
            "training.json",
            "training.safetensors");
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.createDirectory(to);
    for (String name : names(from)) {
      Files.copy(from.resolve(name), to.resolve(name));
    }
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> found = Files.list(folder)) {
      return found.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void refusesWhatDoesNotFit() {
    train(options(4), false);
    BatchSource batches = TrainingFixture.batches();
    assertRefused(CONFIG, TrainingFixture.batches(), options(9).withSeed(99), "seed 3, not 99");
    assertRefused(
        CONFIG,
        batches,
        options(9).withOptimizer(new Optimizer.Sgd(0.9f, 0)),
        "the optimizer AdamW[beta1=0.9, beta2=0.95, epsilon=1.0E-8, weightDecay=0.1], not Sgd[");
    assertRefused(CONFIG, batches, options(9).withAccumulation(3), "2 micro batches a step, not 3");
    assertRefused(
        CONFIG,
        BatchSource.shuffled(TrainingFixture.tokens(), 2, 16, 11),
        options(9),
        "batches of 4 × 16 tokens, not batches of 2 × 16");
    assertRefused(
        CONFIG,
        BatchSource.shuffled(TrainingFixture.tokens(), 4, 16, 12),
        options(9),
        "other text, another tokenizer or another order of batches");
    assertRefused(
        CONFIG,
        BatchSource.shuffled(TrainingFixture.tokens().slice(0, 200), 4, 16, 11),
        options(9),
        "other text");
    assertRefused(TrainingFixture.gpt2(0.3f), batches, options(9), "a program of other operations");
    assertRefused(
        Gpt2Config.of(TrainingFixture.TOKENIZER.vocabularySize(), 32, 64, 2, 2),
        batches,
        options(9),
        "transformer.wte.weight");
    assertRefused(
        TrainingFixture.llama(), batches, options(9), "has no tensor model.embed_tokens.weight");
  }

  private void assertRefused(
      ModelConfig config, BatchSource source, TrainingOptions options, String reason) {
    try (TrainingFixture fixture = TrainingFixture.open(config);
        Trainer trainer = fixture.trainer(source, options, listener)) {
      float[] before = fixture.weights();
      assertThatThrownBy(trainer::resume)
          .isInstanceOf(TrainingException.class)
          .hasMessageStartingWith("The checkpoint " + checkpoint(4) + " ")
          .hasMessageContaining(reason)
          .hasMessageEndingWith(
              "; resume with what it was written with, or train in another folder.");
      assertThat(fixture.weights()).as("weights after a refusal").isEqualTo(before);
    }
  }

  @Test
  void refusesToBeginWhereAnotherTrainingHasBeen() {
    train(options(4), false);
    assertThatThrownBy(() -> train(options(4), false))
        .hasMessage(
            "The folder "
                + folder
                + " has checkpoints of an earlier training; resume it or choose another folder.");
  }

  @Test
  void refusesAFolderInWhichAnotherTrainingRuns() {
    try (TrainingFixture fixture = TrainingFixture.open(CONFIG);
        Trainer trainer = fixture.trainer(TrainingFixture.batches(), options(4), listener)) {
      assertThat(trainer.resume()).isEmpty();
      long allocated = fixture.engine.backend().memory().allocated();
      assertThatThrownBy(() -> fixture.trainer(TrainingFixture.batches(), options(4), listener))
          .hasMessage(
              "Another training is running in "
                  + folder
                  + "; wait for it or choose another folder.");
      assertThat(fixture.engine.backend().memory().allocated()).isEqualTo(allocated);
    }
  }

  @Test
  void aStopLeavesACheckpointAndOtherSettingsAreNoticed() {
    AtomicReference<Trainer> running = new AtomicReference<>();
    TrainingListener stopper =
        new TrainingListener() {
          @Override
          public void onStep(StepReport report) {
            if (report.step() == 5) {
              running.get().stop();
            }
          }
        };
    try (TrainingFixture fixture = TrainingFixture.open(CONFIG);
        Trainer trainer = fixture.trainer(TrainingFixture.batches(), options(12), stopper)) {
      running.set(trainer);
      TrainingResult result = trainer.train();
      assertThat(result.finished()).isFalse();
      assertThat(result.checkpoint()).map(Checkpoint::step).hasValue(5L);
    }
    assertThat(steps()).containsExactly(5L, 4L);
    train(options(6).withSchedule(Schedule.constant(1e-4)).withMaxNorm(3), true);
    assertThat(notices)
        .singleElement()
        .asString()
        .contains("the schedule is now Constant[", "gradients are clipped to 3.0 instead of 1.0");
  }

  @Test
  void whatAListenerThrowsWhileSavingLeavesNothingHalfWritten() throws IOException {
    TrainingListener failing =
        new TrainingListener() {
          @Override
          public void onSave(Path partial) {
            throw new IllegalStateException("no");
          }
        };
    try (TrainingFixture fixture = TrainingFixture.open(CONFIG);
        Trainer trainer = fixture.trainer(TrainingFixture.batches(), options(4), failing)) {
      assertThatThrownBy(trainer::train).hasMessage("no");
    }
    assertThat(names(folder)).containsExactly(".lock", JsonLog.FILE);
  }
}
