package org.quern.train;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.quern.data.BatchSource;
import org.quern.exec.Backend;
import org.quern.exec.CancelledException;
import org.quern.exec.LinkedMemory;
import org.quern.exec.MemoryUse;
import org.quern.exec.ModelMemory;
import org.quern.ir.Region;
import org.quern.memory.Slab;
import org.quern.model.CausalLanguageModel;
import org.quern.plan.Plan;

/**
 * Trains a language model: forward, backward and optimizer in one program, run once a micro batch.
 * Once warm, a step allocates nothing on the heap. Same weights, text, options, backend and number
 * of threads: same bits, however often the training is interrupted and resumed.
 *
 * <p>One thread trains; {@link #stop} may be called from any. Close it to give gradients' program
 * and activations back; the model stays.
 *
 * <pre>{@code
 * try (Trainer trainer = new Trainer(backend, architecture, memory, batches, validation,
 *     TrainingOptions.of(2000).withFolder(run), TrainingListener.NONE)) {
 *   trainer.resume();
 *   trainer.train();
 * }
 * }</pre>
 */
public final class Trainer implements AutoCloseable {
  private static final int FINGERPRINT_BATCHES = 8;

  private final Backend backend;
  private final ModelMemory memory;
  private final BatchSource source;
  private final Optional<BatchSource> validation;
  private final TrainingOptions options;
  private final TrainingListener listener;
  private final List<Runnable> closers = new ArrayList<>();
  private final TrainingProgram program;
  private final @Nullable Evaluator evaluator;
  private final @Nullable CheckpointStore store;
  private final StepReport report;
  private final long tokensPerStep;
  private final String data;
  private final long planFingerprint;
  private final MemoryUse memoryUse;
  private final Optional<RecomputationPrice> price;
  private long step;
  private long cursor;
  private boolean torn;
  private @Nullable Checkpoint newest;
  private volatile boolean stopping;

  /**
   * Links the programs and clears the optimizer's memory.
   *
   * @param memory the weights, which are trained in place
   * @param source what is trained on; its cursor says where to begin, and it decides batch and time
   * @param validation held-out text, gone through from its beginning at each evaluation
   * @throws TrainingException if rows are longer than the model's context or the folder is in use
   * @throws org.quern.memory.MemoryException if there is not enough memory
   */
  public Trainer(
      Backend backend,
      CausalLanguageModel architecture,
      ModelMemory memory,
      BatchSource source,
      Optional<BatchSource> validation,
      TrainingOptions options,
      TrainingListener listener) {
    this.backend = backend;
    this.memory = memory;
    this.source = source;
    this.validation = validation;
    this.options = options;
    this.listener = listener;
    report = new StepReport(options.steps());
    tokensPerStep = (long) options.accumulation() * source.batch() * source.time();
    cursor = source.cursor();
    try {
      TrainingProgram.checkContext(architecture, source.time());
      StepPlan step = StepPlan.of(architecture, source.batch(), source.time(), options, backend);
      price = step.price();
      Plan plan = step.plan();
      Optional<Plan> evaluation =
          validation.map(text -> Evaluator.plan(architecture, text.batch(), text.time()));
      // A step and an evaluation never run at once.
      long bytes =
          Math.max(
              plan.bytes(Region.ACTIVATIONS),
              evaluation.map(other -> other.bytes(Region.ACTIVATIONS)).orElse(0L));
      Slab activations = backend.memory().allocate("activations of the training", bytes);
      closers.add(activations::close);
      LinkedMemory linked = new LinkedMemory(memory, Optional.empty(), Optional.of(activations));
      program = new TrainingProgram(backend, plan, linked, source, options.accumulation());
      closers.add(program::close);
      evaluator = evaluation.map(other -> evaluator(other, linked)).orElse(null);
      List<Plan> plans = new ArrayList<>(List.of(plan));
      evaluation.ifPresent(plans::add);
      memoryUse = MemoryUse.of(backend, memory, plans, program.microBatchBytes());
      for (Region region : options.optimizer().state()) {
        memory.segment(region).fill((byte) 0);
      }
      store = options.folder().map(this::store).orElse(null);
      data = store == null ? "" : fingerprint();
      planFingerprint =
          store == null ? 0 : TrainingProgram.fingerprint(architecture, source, options);
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private Evaluator evaluator(Plan plan, LinkedMemory linked) {
    BatchSource text = validation.orElseThrow();
    Evaluator made = new Evaluator(backend, plan, linked, text.batch(), text.time());
    closers.add(made::close);
    return made;
  }

  private CheckpointStore store(Path folder) {
    CheckpointStore made =
        new CheckpointStore(folder, memory, options.optimizer().state(), options.checkpointsKept());
    closers.add(made::close);
    return made;
  }

  /** Tells texts apart by their length and their first batches. */
  private String fingerprint() {
    CRC32C crc = new CRC32C();
    source.seek(0);
    for (int index = 0; index < FINGERPRINT_BATCHES; index++) {
      if (!source.next(program.scratchIds(), program.scratchLabels())) {
        break;
      }
      crc.update(program.scratchIds().asByteBuffer());
      crc.update(program.scratchLabels().asByteBuffer());
    }
    source.seek(cursor);
    return source.batchesPerEpoch() + " batches an epoch, " + Long.toHexString(crc.getValue());
  }

  /** What each part of the memory takes. */
  public MemoryUse memoryUse() {
    return memoryUse;
  }

  /** Updates done so far. */
  public long step() {
    return step;
  }

  /**
   * Goes on from the newest checkpoint in the run's folder: weights, moments, text and random
   * numbers are as they were. A damaged one is left aside for the one before, with a notice.
   *
   * @return the checkpoint; empty if there is none, and the training then begins at the beginning
   * @throws TrainingException if the checkpoint belongs to another model, optimizer or text
   */
  public Optional<Checkpoint> resume() {
    CheckpointStore checkpoints = store;
    if (checkpoints == null) {
      throw new TrainingException(
          "There is no run folder to resume from; set one in the training's options.");
    }
    Optional<CheckpointState> saved = checkpoints.load(state(), listener::onNotice);
    if (saved.isEmpty()) {
      return Optional.empty();
    }
    step = saved.get().step();
    cursor = saved.get().cursor();
    torn = false;
    Path folder = options.folder().orElseThrow();
    Checkpoint from = new Checkpoint(Checkpoint.folder(folder, step), step);
    newest = from;
    return Optional.of(from);
  }

  private CheckpointState state() {
    return new CheckpointState(
        step,
        cursor,
        source.batch(),
        source.time(),
        options.accumulation(),
        options.seed(),
        options.optimizer().toString(),
        options.schedule().toString(),
        options.maxNorm(),
        data,
        planFingerprint,
        backend.name() + ", " + backend.description());
  }

  /**
   * Trains until the last step or until it is stopped, and leaves a checkpoint if there is a
   * folder. Called again after a stop, it goes on.
   *
   * @throws NonfiniteException if a loss or gradient is not finite; the parameters are those of the
   *     step before, of which there is a checkpoint if there is a folder, unless it says otherwise
   *     ({@link NonfiniteException#isTorn})
   * @throws TrainingException if the folder has checkpoints that were not resumed from, or a
   *     checkpoint cannot be written
   */
  public TrainingResult train() {
    requireWhole();
    requireFreshFolder();
    source.seek(cursor);
    try (JsonLog log = openLog()) {
      listener.onStart(
          new TrainingStart(
              step,
              options.steps(),
              memory.layout().count(),
              tokensPerStep,
              (double) source.batchesPerEpoch() / options.accumulation(),
              memoryUse,
              price));
      Optional<Evaluation> evaluation = Optional.empty();
      long first = step;
      long start = System.nanoTime();
      while (step < options.steps() && step(first, start)) {
        listener.onStep(report);
        evaluation = isDue(options.evaluationInterval()) ? evaluate() : Optional.empty();
        if (log != null) {
          log.write(report, evaluation.isPresent() ? evaluation.get().loss() : Double.NaN);
        }
        if (step < options.steps()
            && options.checkpointInterval() > 0
            && step % options.checkpointInterval() == 0) {
          save(log);
        }
      }
      save(log);
      TrainingResult result =
          new TrainingResult(
              step,
              step >= options.steps(),
              report.loss(),
              evaluation,
              Optional.ofNullable(newest));
      listener.onStop(result);
      return result;
    } finally {
      stopping = false;
    }
  }

  private void requireWhole() {
    if (torn) {
      throw new TrainingException(
          "The parameters are parts of two steps since a gradient was not finite; resume the"
              + " training from a checkpoint.");
    }
  }

  private void requireFreshFolder() {
    if (options.folder().isPresent() && step == 0) {
      Path folder = options.folder().get();
      List<Checkpoint> old = Checkpoint.list(folder);
      if (!old.isEmpty()) {
        throw new TrainingException(
            "The folder "
                + folder
                + " has checkpoints of an earlier training; resume it or choose another folder.");
      }
    }
  }

  private @Nullable JsonLog openLog() {
    Optional<Path> folder = options.folder();
    return folder.isEmpty() ? null : JsonLog.open(folder.get().resolve(JsonLog.FILE), step);
  }

  private boolean isDue(long interval) {
    return step == options.steps() || (interval > 0 && step % interval == 0);
  }

  /** Does a step; false if it was stopped instead, and then nothing has changed. */
  private boolean step(long first, long start) {
    float learningRate = options.schedule().learningRate(step);
    long begin = System.nanoTime();
    while (!stopping) {
      try {
        if (run(learningRate)) {
          long end = System.nanoTime();
          step++;
          cursor = source.cursor();
          report.result(step, program.loss(), learningRate, program.gradNorm());
          report.times(first, tokensPerStep, end - begin, end - start);
          return true;
        }
      } catch (RuntimeException e) {
        if (memory.isOpen()) {
          throw e;
        }
        // Whatever met the closed memory first would speak of something else.
        throw new TrainingException(
            "The model or its engine is closed, so its training ends after step "
                + step
                + "; keep both open while it is trained.",
            e);
      }
    }
    return false;
  }

  /** Runs a step; false if it was cancelled, and then nothing has changed. */
  private boolean run(float learningRate) {
    try {
      if (!program.run(source, step, learningRate, options.maxNorm(), options.seed())) {
        throw nonfinite();
      }
      return true;
    } catch (CancelledException e) {
      // By stop(); or by one that came too late for an earlier run: then the step is done again.
      source.seek(cursor);
      return false;
    }
  }

  private NonfiniteException nonfinite() {
    torn = program.isTorn();
    NonfiniteException failure =
        new NonfiniteException(step + 1, program.findNonfinite(step), torn);
    source.seek(cursor);
    if (step > 0 && !torn) {
      save(null);
    }
    return failure;
  }

  private Optional<Evaluation> evaluate() {
    Evaluator measure = evaluator;
    if (measure == null) {
      return Optional.empty();
    }
    long most = options.evaluationBatches() == 0 ? Long.MAX_VALUE : options.evaluationBatches();
    while (!stopping) {
      try {
        Evaluation evaluation = measure.evaluate(validation.orElseThrow(), most);
        listener.onEvaluation(step, evaluation);
        return Optional.of(evaluation);
      } catch (CancelledException e) {
        // As in a step: stopped, or again.
        continue;
      }
    }
    return Optional.empty();
  }

  /** Writes a checkpoint of this step unless there is one. */
  private void save(@Nullable JsonLog log) {
    Checkpoint last = newest;
    if (store == null || step == 0 || (last != null && last.step() == step)) {
      return;
    }
    if (log != null) {
      log.sync();
    }
    Checkpoint saved = store.save(state(), listener::onSave);
    newest = saved;
    listener.onCheckpoint(saved);
  }

  /**
   * Asks the training to end: within milliseconds, after the last complete step, with a checkpoint
   * of it; where gradients are folded into the optimizer and the backward pass has begun, when that
   * step is complete. Returns at once; any thread may call it. Before {@link #train} it makes that
   * end before its first step.
   */
  public void stop() {
    stopping = true;
    program.cancel();
    Evaluator measure = evaluator;
    if (measure != null) {
      measure.cancel();
    }
  }

  /** Gives the memory back. A second call does nothing. */
  @Override
  public void close() {
    closers.reversed().forEach(Runnable::run);
    closers.clear();
  }
}
