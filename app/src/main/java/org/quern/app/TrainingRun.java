package org.quern.app;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import org.quern.Engine;
import org.quern.Model;
import org.quern.data.BatchSource;
import org.quern.data.Corpus;
import org.quern.data.CorpusStatistics;
import org.quern.data.TokenFile;
import org.quern.data.TokenSpan;
import org.quern.memory.Bytes;
import org.quern.model.ModelConfig;
import org.quern.text.Tokenizer;
import org.quern.text.Tokenizers;
import org.quern.train.Checkpoint;
import org.quern.train.Evaluation;
import org.quern.train.Trainer;
import org.quern.train.TrainingListener;
import org.quern.train.TrainingResult;

/** A training from text to a model folder, with what is printed on the way. */
final class TrainingRun {
  private static final int EVALUATION_BATCH = 16;

  private final TrainCommand command;
  private final RunFolder folder;
  private final Engine engine;
  private final Console console;
  private final Thread discard;
  private Optional<StepProfile> profile = Optional.empty();

  TrainingRun(TrainCommand command, RunFolder folder, Engine engine, Console console) {
    this.command = command;
    this.folder = folder;
    this.engine = engine;
    this.console = console;
    discard = new Thread(folder::discardUnlessTrained, "quern-discard");
  }

  /**
   * Reads the text, makes the tokens and the model, and trains. If that fails before anything was
   * learned, the folder is as it was.
   */
  int begin(List<String> arguments) {
    Runtime.getRuntime().addShutdownHook(discard);
    try {
      return read(arguments);
    } catch (RuntimeException e) {
      folder.discardUnlessTrained();
      throw e;
    } finally {
      keepWhenStopped();
    }
  }

  /** Ctrl-C leaves nothing as long as the text is read; what is learned is kept. */
  private void keepWhenStopped() {
    try {
      boolean ignored = Runtime.getRuntime().removeShutdownHook(discard);
    } catch (IllegalStateException e) {
      // The JVM is ending already, and the hook does its work.
      return;
    }
  }

  private int read(List<String> arguments) {
    console.say(EngineMixin.chosen(engine));
    prepareProfile();
    Corpus corpus = command.data.corpus();
    console.say("Text: " + corpus.description() + ", " + Bytes.toString(corpus.bytes()) + ".");
    Optional<Path> base = command.model.folder();
    if (base.isPresent()) {
      try (Model model = engine.load(base.get())) {
        Tokenizer tokenizer =
            command.data.tokenizer(corpus, Optional.of(ownTokenizer(model, base.get())));
        return begin(arguments, corpus, tokenizer, model);
      }
    }
    Tokenizer tokenizer = command.data.tokenizer(corpus, Optional.empty());
    ModelConfig config = command.model.config(tokenizer.vocabularySize());
    try (Model model = engine.create(config, tokenizer, command.run.seed())) {
      return begin(arguments, corpus, tokenizer, model);
    }
  }

  /** The roofline is measured before a model takes the memory. */
  private void prepareProfile() {
    OptionalLong steps = command.run.profiledSteps();
    if (steps.isPresent()) {
      profile = Optional.of(new StepProfile(engine, steps.getAsLong()));
    }
  }

  private static Tokenizer ownTokenizer(Model model, Path base) {
    return model
        .tokenizer()
        .orElseThrow(
            () -> new AppException("The model " + base + " has no tokenizer.json to train with."));
  }

  private int begin(List<String> arguments, Corpus corpus, Tokenizer tokenizer, Model model) {
    console.say("Tokens: " + tokenizer.describe() + ".");
    tokenizer.save(folder.tokenizer());
    try (TokenFile tokens = TokenFile.write(folder.tokens(), corpus, tokenizer)) {
      TokenSpan.Split split = tokens.tokens().split(command.data.heldOut());
      OptionalLong given = command.run.givenSteps();
      long steps = given.isPresent() ? given.getAsLong() : calibrate(model, split.train());
      keepWhenStopped();
      folder.begin(arguments, steps);
      if (command.run.out() == null) {
        folder.linkAsLast();
      }
      return train(model, tokenizer, split, steps, false);
    }
  }

  /** How many steps fit the time: a few are done on a copy of the model and timed. */
  private long calibrate(Model model, TokenSpan text) {
    long steps;
    try (Model copy = engine.create(model.config(), tokenizerOf(model), 0)) {
      steps = new Calibration(copy, source(text, copy), command).steps(command.run.minutes());
    }
    console.say(
        String.format(
            Locale.ROOT, "Steps: %,d, to take about %.3g minutes.", steps, command.run.minutes()));
    return steps;
  }

  private static Tokenizer tokenizerOf(Model model) {
    return model.tokenizer().orElseThrow();
  }

  /** Goes on with the run in the folder. */
  int resume() {
    console.say(EngineMixin.chosen(engine));
    prepareProfile();
    Tokenizer tokenizer = Tokenizers.read(folder.tokenizer());
    try (TokenFile tokens = TokenFile.open(folder.tokens())) {
      tokens.require(tokenizer);
      TokenSpan.Split split = tokens.tokens().split(command.data.heldOut());
      long steps = command.run.givenSteps().orElse(folder.steps());
      try (Model model = begun(tokenizer)) {
        return train(model, tokenizer, split, steps, true);
      }
    }
  }

  /** The model that the run began with; a checkpoint replaces its weights. */
  private Model begun(Tokenizer tokenizer) {
    if (command.model.isNew()) {
      return engine.create(
          command.model.config(tokenizer.vocabularySize()), tokenizer, command.run.seed());
    }
    // The folder that was trained further may have changed or gone since.
    Optional<Checkpoint> checkpoint = Checkpoint.newest(folder.path(), console::note);
    Path base = checkpoint.map(Checkpoint::folder).or(command.model::folder).orElseThrow();
    return engine.load(base);
  }

  private BatchSource source(TokenSpan text, Model model) {
    int time = command.model.context(model.config().contextLength());
    return command.run.randomWindows()
        ? BatchSource.random(text, command.run.batch(), time, command.run.seed())
        : BatchSource.shuffled(text, command.run.batch(), time, command.run.seed());
  }

  private int train(
      Model model, Tokenizer tokenizer, TokenSpan.Split split, long steps, boolean resuming) {
    CorpusStatistics statistics = CorpusStatistics.of(split.validation(), tokenizer);
    BatchSource batches = source(split.train(), model);
    BatchSource validation =
        BatchSource.sequential(split.validation(), EVALUATION_BATCH, batches.time());
    Samples samples =
        new Samples(
            model, split.validation(), command.run.prompt(), command.run.sampleInterval(steps));
    samples.check();
    FullEvaluation full = new FullEvaluation(model, validation);
    Optional<Evaluation> evaluation;
    try (Trainer trainer =
        model.trainer(
            batches,
            Optional.of(validation),
            command.options(steps).withFolder(folder.path()),
            listener(new Progress(console, samples)))) {
      if (resuming) {
        resume(trainer, steps);
      }
      try (Interruption interruption =
          new Interruption(() -> {
            trainer.stop();
            full.cancel();
          })) {
        TrainingResult result = trainer.train();
        profile.ifPresent(timed -> timed.print(console));
        evaluation = result.finished() ? full.run() : Optional.empty();
        if (evaluation.isEmpty() || interruption.requested()) {
          return stopped(result);
        }
      }
    }
    model.save(folder.model());
    new LossChart(folder.log(), statistics.unigramEntropy()).write(folder.picture());
    samples.last(console);
    conclude(statistics, evaluation.get());
    return 0;
  }

  private TrainingListener listener(Progress progress) {
    return profile.map(timed -> TrainingListener.all(timed, progress)).orElse(progress);
  }

  private void resume(Trainer trainer, long steps) {
    Optional<Checkpoint> from = trainer.resume();
    long done = from.map(Checkpoint::step).orElse(0L);
    if (done > steps) {
      throw new AppException(
          "The run has done "
              + done
              + " steps already; to go on, give more with --steps, of which they count.");
    }
    folder.begin(folder.arguments(), steps);
    console.say(
        done == 0
            ? "The run has no checkpoint yet; beginning anew."
            : "Going on after step " + done + ".");
  }

  private int stopped(TrainingResult result) {
    console.say(
        String.format(
            Locale.ROOT,
            "Stopped after step %,d; go on with: quern train --resume %s",
            result.step(),
            folder.path()));
    return 130;
  }

  private void conclude(CorpusStatistics statistics, Evaluation evaluation) {
    double characters = statistics.charactersPerToken();
    double entropy = statistics.unigramEntropy();
    console.say("");
    console.say(
        "Run folder: "
            + folder.path()
            + " (model, checkpoints, log.jsonl, loss.png). Write with"
            + " it: quern generate "
            + folder.path());
    console.say(
        String.format(
            Locale.ROOT,
            "Unigram entropy of the held-out text: %.4f nats a token, %.4f nats a character",
            entropy,
            entropy / characters));
    console.say(
        String.format(
            Locale.ROOT,
            "Validation loss: %.4f nats a token, %.4f nats a character",
            evaluation.loss(),
            evaluation.loss() / characters));
  }
}
