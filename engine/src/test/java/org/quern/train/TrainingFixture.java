package org.quern.train;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.quern.Engine;
import org.quern.EngineOptions;
import org.quern.Model;
import org.quern.data.BatchSource;
import org.quern.data.TokenSpan;
import org.quern.exec.Executable;
import org.quern.exec.nativecpu.NativeKernels;
import org.quern.exec.nativecpu.NativeTier;
import org.quern.exec.vector.VectorKernels;
import org.quern.ir.Region;
import org.quern.model.Gpt2Config;
import org.quern.model.LanguageModelGraphs;
import org.quern.model.LlamaConfig;
import org.quern.model.ModelConfig;
import org.quern.model.Pass;
import org.quern.text.CharacterTokenizer;

/** A tiny model, a short text, and an engine to train it on. */
final class TrainingFixture implements AutoCloseable {
  static final String TEXT =
      """
      The mill stands by the river, and the river turns the wheel; the wheel turns the stone, and
      the stone grinds the corn. Who brings the corn takes home the flour, and who takes home the
      flour bakes the bread. So the river, which knows nothing of bread, bakes it all the same.
      """;

  static final CharacterTokenizer TOKENIZER = CharacterTokenizer.of(TEXT);
  static final int TIME = 16;

  final Engine engine;
  final Model model;

  private TrainingFixture(Engine engine, Model model) {
    this.engine = engine;
    this.model = model;
  }

  /** The backends of this machine. */
  static Stream<String> backends() {
    return Stream.of("native", "vector")
        .filter(name ->
            name.equals("native") ? NativeKernels.find().isLoaded() : VectorKernels.isAvailable());
  }

  static String anyBackend() {
    return backends().findFirst().orElseThrow();
  }

  static ModelConfig gpt2(float dropout) {
    return Gpt2Config.of(TOKENIZER.vocabularySize(), 32, 32, 2, 2).withDropout(dropout);
  }

  static ModelConfig llama() {
    return LlamaConfig.of(TOKENIZER.vocabularySize(), 32, 32, 2, 4, 2, 64);
  }

  /** With one worker, since tests commonly run beside each other. */
  static TrainingFixture open(String backend, ModelConfig config) {
    return open(backend, config, 1);
  }

  static TrainingFixture open(String backend, ModelConfig config, int threads) {
    return open(backend, "f32", config, threads);
  }

  /** On the native kernels: no other computes in BF16. */
  static TrainingFixture openBf16(ModelConfig config, int threads) {
    return open("native", "bf16", config, threads);
  }

  static TrainingFixture openBf16(ModelConfig config, NativeTier tier) {
    return open(options("native", "bf16", 1).withMaximumTier(tier.text()), config);
  }

  private static TrainingFixture open(
      String backend, String precision, ModelConfig config, int threads) {
    return open(options(backend, precision, threads), config);
  }

  private static EngineOptions options(String backend, String precision, int threads) {
    return EngineOptions.defaults()
        .requireBackend(backend)
        .withPrecision(precision)
        .withThreads(threads)
        .withMemoryBudget(256 << 20);
  }

  private static TrainingFixture open(EngineOptions options, ModelConfig config) {
    Engine engine = Engine.open(options);
    return new TrainingFixture(engine, engine.create(config, TOKENIZER, 5));
  }

  static TrainingFixture open(ModelConfig config) {
    return open(anyBackend(), config);
  }

  static TokenSpan tokens() {
    return TokenSpan.of(TOKENIZER.encode(TEXT, false), TOKENIZER.vocabularySize());
  }

  static BatchSource batches() {
    return BatchSource.shuffled(tokens(), 4, TIME, 11);
  }

  /** Runs a step's program once, without an update, on {@code tokens} ids and as many labels. */
  static void runOnce(Executable program, ModelConfig config, int tokens) {
    for (String input : List.of(Pass.IDS, LanguageModelGraphs.LABELS)) {
      MemorySegment ids = program.input(input);
      for (int i = 0; i < tokens; i++) {
        ids.setAtIndex(ValueLayout.JAVA_INT, i, (i * 7 + 3) % config.vocabularySize());
      }
    }
    program.step().seed(11);
    program.step().sequence(5);
    program.step().lossScale(1f / tokens);
    program.run();
  }

  /** Twelve steps with gradients folded into the optimizer, clipped, and accumulated. */
  static Stream<TrainingOptions> waysOfUpdating() {
    TrainingOptions options = options(12);
    return Stream.of(
        options.withMaxNorm(0), options.withMaxNorm(1), options.withMaxNorm(0).withAccumulation(2));
  }

  static TrainingOptions options(long steps) {
    return TrainingOptions.of(steps).withSchedule(Schedule.constant(3e-3)).withSeed(3);
  }

  Trainer trainer(BatchSource source, TrainingOptions options, TrainingListener listener) {
    return trainer(source, Optional.empty(), options, listener);
  }

  Trainer trainer(
      BatchSource source,
      Optional<BatchSource> validation,
      TrainingOptions options,
      TrainingListener listener) {
    return model.trainer(source, validation, options, listener);
  }

  /** All weights, gaps included. */
  float[] weights() {
    return copy(Region.PARAMETERS);
  }

  float[] copy(Region region) {
    MemorySegment segment = model.memory().segment(region);
    return segment.toArray(ValueLayout.JAVA_FLOAT);
  }

  /** A region's contents, or nothing where it has not been allocated. */
  float[] copyIfThere(Region region) {
    return model.memory().has(region) ? copy(region) : new float[0];
  }

  /** Puts back what {@link #copyIfThere} gave; zeros for nothing. */
  void paste(Region region, float[] values) {
    MemorySegment target = model.memory().segment(region).fill((byte) 0);
    MemorySegment.copy(values, 0, target, ValueLayout.JAVA_FLOAT, 0, values.length);
  }

  @Override
  public void close() {
    model.close();
    engine.close();
  }
}
