package org.quern.train;

import java.lang.foreign.MemorySegment;
import org.quern.data.BatchSource;
import org.quern.exec.Backend;
import org.quern.exec.Executable;
import org.quern.exec.LinkedMemory;
import org.quern.exec.ModelMemory;
import org.quern.exec.StepBlock;
import org.quern.model.CausalLanguageModel;
import org.quern.model.LanguageModelGraphs;
import org.quern.model.Pass;
import org.quern.plan.Plan;

/**
 * Measures the loss of a model on text, without dropout and without changing anything. Close it to
 * give its memory back; the model stays.
 */
public final class Evaluator implements AutoCloseable {
  private final Executable program;
  private final StepBlock step;
  private final MemorySegment ids;
  private final MemorySegment labels;
  private final int batch;
  private final int time;
  private boolean closed;

  /**
   * An evaluator for batches of one size.
   *
   * @param batch rows, B
   * @param time tokens a row, T
   * @throws TrainingException if the rows are longer than the model's context
   */
  public Evaluator(
      Backend backend, CausalLanguageModel architecture, ModelMemory memory, int batch, int time) {
    this(backend, plan(architecture, batch, time), LinkedMemory.of(memory), batch, time);
  }

  Evaluator(Backend backend, Plan plan, LinkedMemory memory, int batch, int time) {
    this.batch = batch;
    this.time = time;
    program = backend.link(plan, memory);
    step = program.step();
    ids = program.input(Pass.IDS);
    labels = program.input(LanguageModelGraphs.LABELS);
  }

  static Plan plan(CausalLanguageModel architecture, int batch, int time) {
    TrainingProgram.checkContext(architecture, time);
    return Plan.of(LanguageModelGraphs.evaluation(architecture, batch, time));
  }

  /** The loss of all of a source, from its beginning; of an endless one, of an epoch. */
  public Evaluation evaluate(BatchSource source) {
    return evaluate(source, Long.MAX_VALUE);
  }

  /**
   * The loss of the first batches of a source, whose cursor is moved.
   *
   * @param most how many batches at most
   * @throws org.quern.exec.CancelledException after {@link #cancel}
   */
  public Evaluation evaluate(BatchSource source, long most) {
    if (source.batch() != batch || source.time() != time) {
      throw new TrainingException(
          "The evaluation was made for batches of "
              + batch
              + " rows of "
              + time
              + " tokens, but the source gives "
              + source.batch()
              + " of "
              + source.time()
              + "; make both alike.");
    }
    source.seek(0);
    long batches = Math.min(most, source.batchesPerEpoch());
    double sum = 0;
    long count = 0;
    for (long index = 0; index < batches && source.next(ids, labels); index++) {
      long counted = source.labelsInBatch();
      if (counted > 0) {
        step.lossScale(1f / counted);
        program.run();
        sum += (double) step.loss() * counted;
        count += counted;
      }
    }
    if (count == 0) {
      throw new TrainingException(
          "The text for the evaluation has no label that counts; give more text.");
    }
    return new Evaluation(sum / count, count);
  }

  /** Asks the evaluation in progress, or the next, to end; any thread may. */
  public synchronized void cancel() {
    if (!closed) {
      step.cancel();
    }
  }

  /** Gives the memory back, after a run in progress. A second call does nothing. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    program.close();
  }
}
