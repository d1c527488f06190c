package org.quern.train;

import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;
import org.quern.ir.Update;

/**
 * What a training does and when. Batch and time are those of its batch source.
 *
 * @param steps updates of the parameters, from the very beginning
 * @param accumulation micro batches a step: their losses and gradients together are those of one
 *     batch that is as many times as large
 * @param optimizer how parameters follow their gradients
 * @param schedule the learning rate of each step
 * @param maxNorm what the norm of all gradients together is clipped to; 0 for no clipping
 * @param seed decides what dropout drops
 * @param evaluationInterval steps between evaluations; the last step is always evaluated, and with
 *     0 no other
 * @param evaluationBatches the most batches that an evaluation takes; 0 for all
 * @param checkpointInterval steps between checkpoints; there is always one at the end, and with 0
 *     no other
 * @param checkpointsKept how many checkpoints are kept, 1 at least
 * @param folder where {@code log.jsonl} and checkpoints go; none for neither
 * @param recompute what is not kept between the forward and the backward pass
 * @param bf16Weights whether weights are kept in BF16, too
 */
public record TrainingOptions(
    long steps,
    int accumulation,
    Optimizer optimizer,
    Schedule schedule,
    float maxNorm,
    long seed,
    long evaluationInterval,
    long evaluationBatches,
    long checkpointInterval,
    int checkpointsKept,
    Optional<Path> folder,
    Recompute recompute,
    Bf16Weights bf16Weights) {

  /** Checks the ranges. */
  public TrainingOptions {
    least("number of steps", steps, 1);
    least("number of micro batches a step", accumulation, 1);
    least("interval of evaluations", evaluationInterval, 0);
    least("number of batches an evaluation", evaluationBatches, 0);
    least("interval of checkpoints", checkpointInterval, 0);
    least("number of checkpoints kept", checkpointsKept, 1);
    if (!(maxNorm >= 0 && maxNorm < Float.POSITIVE_INFINITY)) {
      throw new TrainingException(
          "The largest norm of the gradients is "
              + maxNorm
              + "; choose 0 for no clipping or more.");
    }
  }

  /**
   * AdamW with β 0.9 and 0.95 and decay 0.1, a cosine from 1e-3 to 1e-4 after a warm-up of a
   * twentieth of the steps (100 at most), gradients clipped to norm 1, no folder.
   */
  public static TrainingOptions of(long steps) {
    return new TrainingOptions(
        steps,
        1,
        new Optimizer.AdamW(0.9f, 0.95f, 1e-8f, 0.1f),
        new Schedule.Cosine(1e-3, 1e-4, Math.min(100, Math.max(0, steps / 20)), Math.max(0, steps)),
        1,
        1337,
        0,
        0,
        0,
        2,
        Optional.empty(),
        Recompute.NONE,
        Bf16Weights.AUTO);
  }

  /**
   * Whether gradients are folded into the optimizer: each is there only until its parameter is
   * updated. That is so where nothing needs all of them at once, which is with one micro batch a
   * step and no clipping. The results are the same. But a gradient that is not finite where the
   * loss is then leaves the parameters as parts of two steps ({@link Optimizer#foldingGradients}).
   */
  public boolean foldsGradients() {
    return accumulation == 1 && maxNorm == 0;
  }

  /** What a step does with gradients: a new one for each graph. */
  public Update update() {
    return foldsGradients() ? optimizer.foldingGradients() : optimizer.keepingGradients();
  }

  /** These options with another number of steps; the schedule stays as it is. */
  public TrainingOptions withSteps(long count) {
    return with(draft -> draft.steps = count);
  }

  /** These options with another number of micro batches a step. */
  public TrainingOptions withAccumulation(int microBatches) {
    return with(draft -> draft.accumulation = microBatches);
  }

  /** These options with another optimizer. */
  public TrainingOptions withOptimizer(Optimizer other) {
    return with(draft -> draft.optimizer = other);
  }

  /** These options with another schedule. */
  public TrainingOptions withSchedule(Schedule other) {
    return with(draft -> draft.schedule = other);
  }

  /** These options with another limit to the gradients' norm, 0 for none. */
  public TrainingOptions withMaxNorm(float norm) {
    return with(draft -> draft.maxNorm = norm);
  }

  /** These options with another seed. */
  public TrainingOptions withSeed(long other) {
    return with(draft -> draft.seed = other);
  }

  /** These options with an evaluation every so many steps, of so many batches, 0 for all. */
  public TrainingOptions withEvaluation(long interval, long batches) {
    return with(draft -> {
      draft.evaluationInterval = interval;
      draft.evaluationBatches = batches;
    });
  }

  /** These options with a checkpoint every so many steps, the newest {@code kept} of them kept. */
  public TrainingOptions withCheckpoints(long interval, int kept) {
    return with(draft -> {
      draft.checkpointInterval = interval;
      draft.checkpointsKept = kept;
    });
  }

  /** These options with a folder for log and checkpoints, made if need be. */
  public TrainingOptions withFolder(Path run) {
    return with(draft -> draft.folder = Optional.of(run));
  }

  /** These options with other activations kept. */
  public TrainingOptions withRecompute(Recompute other) {
    return with(draft -> draft.recompute = other);
  }

  /** These options with weights kept in BF16, or not. */
  public TrainingOptions withBf16Weights(Bf16Weights other) {
    return with(draft -> draft.bf16Weights = other);
  }

  private TrainingOptions with(Consumer<Draft> change) {
    Draft draft = new Draft(this);
    change.accept(draft);
    return draft.options();
  }

  /** Options while one of them changes. */
  private static final class Draft {
    private long steps;
    private int accumulation;
    private Optimizer optimizer;
    private Schedule schedule;
    private float maxNorm;
    private long seed;
    private long evaluationInterval;
    private long evaluationBatches;
    private long checkpointInterval;
    private int checkpointsKept;
    private Optional<Path> folder;
    private Recompute recompute;
    private Bf16Weights bf16Weights;

    private Draft(TrainingOptions from) {
      steps = from.steps;
      accumulation = from.accumulation;
      optimizer = from.optimizer;
      schedule = from.schedule;
      maxNorm = from.maxNorm;
      seed = from.seed;
      evaluationInterval = from.evaluationInterval;
      evaluationBatches = from.evaluationBatches;
      checkpointInterval = from.checkpointInterval;
      checkpointsKept = from.checkpointsKept;
      folder = from.folder;
      recompute = from.recompute;
      bf16Weights = from.bf16Weights;
    }

    private TrainingOptions options() {
      return new TrainingOptions(
          steps,
          accumulation,
          optimizer,
          schedule,
          maxNorm,
          seed,
          evaluationInterval,
          evaluationBatches,
          checkpointInterval,
          checkpointsKept,
          folder,
          recompute,
          bf16Weights);
    }
  }

  private static void least(String what, long value, long least) {
    if (value < least) {
      throw new TrainingException(
          "The " + what + " is " + value + "; it must be " + least + " or more.");
    }
  }
}
