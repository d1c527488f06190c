package org.quern.train;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.quern.data.BatchSource;
import org.quern.exec.Backend;
import org.quern.exec.Executable;
import org.quern.exec.LinkedMemory;
import org.quern.exec.StepBlock;
import org.quern.ir.Graph;
import org.quern.ir.Update;
import org.quern.memory.Slab;
import org.quern.memory.SlabAllocator;
import org.quern.model.CausalLanguageModel;
import org.quern.model.LanguageModelGraphs;
import org.quern.model.Pass;
import org.quern.plan.Plan;

/**
 * The program of a training step, run once for each micro batch. All of a step's micro batches are
 * fetched before the first run, because every loss is divided by the labels of all of them.
 */
final class TrainingProgram implements AutoCloseable {
  private final Executable program;
  private final StepBlock block;
  private final MemorySegment ids;
  private final MemorySegment labels;
  private final Slab microBatches;
  private final MemorySegment[] microIds;
  private final MemorySegment[] microLabels;
  private boolean closed;
  private float loss;

  TrainingProgram(
      Backend backend, Plan plan, LinkedMemory linked, BatchSource source, int accumulation) {
    program = backend.link(plan, linked);
    try {
      block = program.step();
      ids = program.input(Pass.IDS);
      labels = program.input(LanguageModelGraphs.LABELS);
      long bytes = (long) source.batch() * source.time() * Integer.BYTES;
      long stride = Math.ceilDiv(bytes, SlabAllocator.ALIGNMENT) * SlabAllocator.ALIGNMENT;
      microBatches = backend.memory().allocate("micro batches", 2L * accumulation * stride);
      microIds = new MemorySegment[accumulation];
      microLabels = new MemorySegment[accumulation];
      for (int index = 0; index < accumulation; index++) {
        microIds[index] = microBatches.segment().asSlice(2L * index * stride, bytes);
        microLabels[index] = microBatches.segment().asSlice((2L * index + 1) * stride, bytes);
      }
    } catch (RuntimeException e) {
      program.close();
      throw e;
    }
  }

  /** What tells trainings apart, however their memory is planned and used. */
  static long fingerprint(
      CausalLanguageModel architecture, BatchSource source, TrainingOptions options) {
    return graph(architecture, source, options.optimizer().keepingGradients()).fingerprint();
  }

  static Graph graph(CausalLanguageModel architecture, BatchSource source, Update update) {
    checkContext(architecture, source.time());
    return LanguageModelGraphs.training(architecture, source.batch(), source.time(), update);
  }

  static void checkContext(CausalLanguageModel architecture, int time) {
    int context = architecture.config().contextLength();
    if (time > context) {
      throw new TrainingException(
          "The batches have rows of "
              + time
              + " tokens, but the model's context is "
              + context
              + "; choose shorter rows or a model with a longer context.");
    }
  }

  /** The size of the batches of a step, which are fetched before it. */
  long microBatchBytes() {
    return microBatches.bytes();
  }

  int accumulation() {
    return microIds.length;
  }

  /** A segment for ids and one for labels, to look at a batch without training on it. */
  MemorySegment scratchIds() {
    return microIds[0];
  }

  MemorySegment scratchLabels() {
    return microLabels[0];
  }

  Plan plan() {
    return program.plan();
  }

  /** The loss of the last step: the mean over the counted labels of all its micro batches. */
  float loss() {
    return loss;
  }

  /** The norm of the last step's gradients, before clipping. */
  float gradNorm() {
    return block.gradNorm();
  }

  /**
   * Runs a step: gradients of all micro batches, then the optimizer.
   *
   * @param step counted from 0
   * @return whether everything was finite; if not, the parameters are unchanged or {@link #isTorn}
   */
  boolean run(BatchSource source, long step, float learningRate, float maxNorm, long seed) {
    long counted = fetch(source);
    block.seed(seed);
    block.step(step + 1);
    block.learningRate(learningRate);
    block.maxNorm(maxNorm);
    block.lossScale(1f / Math.max(1, counted));
    double sum = 0;
    for (int index = 0; index < accumulation(); index++) {
      load(step, index);
      block.accumulate(index > 0);
      block.update(index == accumulation() - 1);
      program.run();
      sum += block.loss();
      if (!Float.isFinite(block.loss())) {
        loss = block.loss();
        return false;
      }
    }
    loss = (float) sum;
    return !block.nonfinite();
  }

  private long fetch(BatchSource source) {
    long counted = 0;
    for (int index = 0; index < accumulation(); index++) {
      if (!source.next(microIds[index], microLabels[index])) {
        source.seek(0);
        if (!source.next(microIds[index], microLabels[index])) {
          throw new TrainingException("There is no batch to train on; give more text.");
        }
      }
      counted += source.labelsInBatch();
    }
    return counted;
  }

  private void load(long step, int index) {
    MemorySegment.copy(microIds[index], 0, ids, 0, ids.byteSize());
    MemorySegment.copy(microLabels[index], 0, labels, 0, labels.byteSize());
    block.sequence(step * accumulation() + index);
  }

  /**
   * Whether the last step met a gradient that is not finite after it had updated other parameters,
   * which happens only where gradients are folded into the optimizer.
   */
  boolean isTorn() {
    return block.nonfinite() && plan().changesParametersBefore(block.nonfiniteNode());
  }

  /** What in the last step first gave something that is not finite. */
  String findNonfinite(long step) {
    if (isTorn()) {
      // A repetition would compute with other parameters.
      return "the gradient of " + updatedBy(block.nonfiniteNode());
    }
    for (int index = 0; index < accumulation(); index++) {
      load(step, index);
      block.update(false);
      Optional<String> found = program.findNonfinite();
      if (found.isPresent()) {
        return found.get();
      }
    }
    return "the norm of the gradients, though each of them is finite";
  }

  private String updatedBy(int node) {
    return plan().graph().nodes().get(node).input(0).name();
  }

  /** Asks the run in progress, or the next, to end; any thread may. */
  synchronized void cancel() {
    if (!closed) {
      block.cancel();
    }
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    program.close();
    microBatches.close();
  }
}
