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
import org.quern.train.TrainingOptions;
import org.quern.train.TrainingResult;

/** A training from text to a model folder, with what is printed on the way. */
final class TrainingRun {
  private static final int EVALUATION_BATCH = 16;

  /** The exit code of a command that a signal ended. */
  private static final int INTERRUPTED = 130;

  private final TrainCommand command;
  private final RunFolder folder;
  private final Engine engine;
  private final Console console;

  TrainingRun(TrainCommand command, RunFolder folder, Engine engine, Console console) {
    this.command = command;
    this.folder = folder;
    this.engine = engine;
    this.console = console;
  }

  /** Reads the text, makes the tokens and the model, and trains. */
  int begin(List<String> arguments) {
    console.say(engine.describe().summary());
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
      folder.begin(arguments, steps);
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
    console.say(engine.describe().summary());
    Optional<Path> base = command.model.folder();
    Tokenizer tokenizer = Tokenizers.read(folder.tokenizer());
    try (TokenFile tokens = TokenFile.open(folder.tokens())) {
      tokens.require(tokenizer);
      TokenSpan.Split split = tokens.tokens().split(command.data.heldOut());
      long steps = command.run.givenSteps().orElse(folder.steps());
      try (Model model =
          base.isPresent()
              ? engine.load(base.get())
              : engine.create(
                  command.model.config(tokenizer.vocabularySize()),
                  tokenizer,
                  command.run.seed())) {
        return train(model, tokenizer, split, steps, true);
      }
    }
  }

  private BatchSource source(TokenSpan text, Model model) {
    int time = command.model.context(model.config().contextLength());
    return command.run.randomWindows()
        ? BatchSource.random(text, command.run.batch(), time, command.run.seed())
        : BatchSource.shuffled(text, command.run.batch(), time, command.run.seed());
  }

  private TrainingOptions options(long steps) {
    // The schedule follows the steps that the run was begun with, so that a resumed one is the
    // same.
    return TrainingOptions.of(steps)
        .withAccumulation(command.run.accumulation())
        .withOptimizer(command.optimizer.optimizer())
        .withSchedule(command.optimizer.schedule(steps))
        .withMaxNorm(command.optimizer.maxNorm())
        .withSeed(command.run.seed())
        .withEvaluation(command.run.evaluationInterval(steps), command.run.evaluationBatches())
        .withCheckpoints(command.run.checkpointInterval(steps), 2)
        .withFolder(folder.path());
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
    TrainingResult result;
    try (Progress progress = new Progress(console, samples, steps);
        Trainer trainer =
            new Trainer(
                model.backend(),
                model.architecture(),
                model.memory(),
                batches,
                Optional.of(validation),
                options(steps),
                TrainingListener.all(progress, new ModelFiles(model)))) {
      if (resuming) {
        Optional<Checkpoint> from = trainer.resume();
        console.say(
            from.map(checkpoint -> "Going on after step " + checkpoint.step() + ".")
                .orElse("The run has no checkpoint yet; beginning anew."));
      }
      result = Interruption.during(trainer::stop, () -> trainToEnd(trainer, progress));
    }
    if (!result.finished()) {
      return INTERRUPTED;
    }
    Evaluation evaluation = new FullEvaluation(model, validation).run();
    model.save(folder.model());
    new LossChart(folder.log(), statistics.unigramEntropy()).write(folder.picture());
    samples.last(console);
    conclude(statistics, evaluation);
    return 0;
  }

  private TrainingResult trainToEnd(Trainer trainer, Progress progress) {
    TrainingResult result = trainer.train();
    if (!result.finished()) {
      progress.finish();
      console.say(
          String.format(
              Locale.ROOT,
              "Stopped after step %,d; go on with: quern train --resume %s",
              result.step(),
              folder.path()));
    }
    return result;
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
