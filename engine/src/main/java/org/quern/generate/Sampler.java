package org.quern.generate;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.SplittableRandom;

/**
 * Chooses the next token by its logits. The order is that of Hugging Face's library: repetition
 * penalty, temperature, top-k, top-p, min-p, draw. Allocates nothing once made. Not thread-safe.
 */
public final class Sampler {
  private final GenerationOptions options;
  private final float[] logits;
  private final int[] heap;
  private final float[] weights;
  private final BitSet seen;
  private final SplittableRandom random;
  private int heapSize;

  /** A sampler for a vocabulary, with nothing seen yet. */
  public Sampler(GenerationOptions options, int vocabulary) {
    this.options = options;
    logits = new float[vocabulary];
    heap = new int[vocabulary];
    weights = new float[vocabulary];
    seen = new BitSet(vocabulary);
    // A BitSet grows on demand, which would be an allocation later.
    seen.set(vocabulary - 1);
    seen.clear();
    random = new SplittableRandom(options.seed());
  }

  /** Makes the repetition penalty apply to a token. */
  public void see(int id) {
    seen.set(id);
  }

  /**
   * The next token, which counts as seen from now on.
   *
   * @param row the logits, F32 {@code [vocabulary]}
   */
  public int next(MemorySegment row) {
    MemorySegment.copy(row, JAVA_FLOAT, 0, logits, 0, logits.length);
    penalize();
    int id = options.temperature() == 0 ? likeliest() : draw();
    seen.set(id);
    return id;
  }

  private void penalize() {
    float penalty = options.repetitionPenalty();
    if (penalty == 1) {
      return;
    }
    for (int id = seen.nextSetBit(0); id >= 0; id = seen.nextSetBit(id + 1)) {
      logits[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
    }
  }

  private int likeliest() {
    int best = 0;
    for (int id = 1; id < logits.length; id++) {
      if (logits[id] > logits[best]) {
        best = id;
      }
    }
    if (!Float.isFinite(logits[best])) {
      throw notFinite();
    }
    return best;
  }

  private static GenerationException notFinite() {
    return new GenerationException(
        "The model's logits are not finite; its weights are damaged or its training diverged.");
  }

  private int draw() {
    float greatest = logits[likeliest()];
    double total = 0;
    for (int id = 0; id < logits.length; id++) {
      weights[id] = (float) Math.exp((logits[id] - greatest) / options.temperature());
      total += weights[id];
    }
    if (!(total > 0) || Double.isInfinite(total)) {
      throw notFinite();
    }
    if (options.topK() == 0 && options.topP() == 1 && options.minP() == 0) {
      return drawAmongAll(total);
    }
    return drawAmongLikeliest(total);
  }

  private int drawAmongAll(double total) {
    double point = random.nextDouble() * total;
    int last = 0;
    for (int id = 0; id < weights.length; id++) {
      if (weights[id] > 0) {
        last = id;
        point -= weights[id];
        if (point < 0) {
          return id;
        }
      }
    }
    return last;
  }

  /** Takes tokens off a heap, the likeliest first, as far as the settings let it. */
  private int drawAmongLikeliest(double all) {
    heapSize = heap.length;
    for (int index = 0; index < heapSize; index++) {
      heap[index] = index;
    }
    for (int index = heapSize / 2 - 1; index >= 0; index--) {
      sink(index);
    }
    int most = options.topK() == 0 ? heapSize : Math.min(options.topK(), heapSize);
    double total = all;
    if (options.topK() > 0) {
      total = 0;
      for (int taken = 0; taken < most; taken++) {
        total += weights[take()];
      }
    }
    double enough = options.topP() * total;
    double kept = 0;
    int count = 0;
    // What was taken lies behind the heap, the likeliest last.
    while (count < most && (count == 0 || kept < enough)) {
      int id = options.topK() > 0 ? heap[heap.length - 1 - count] : take();
      if (weights[id] < options.minP()) {
        break;
      }
      kept += weights[id];
      count++;
    }
    double point = random.nextDouble() * kept;
    for (int index = 0; index < count; index++) {
      int id = heap[heap.length - 1 - index];
      point -= weights[id];
      if (point < 0) {
        return id;
      }
    }
    return heap[heap.length - count];
  }

  private int take() {
    int id = heap[0];
    heapSize--;
    heap[0] = heap[heapSize];
    heap[heapSize] = id;
    sink(0);
    return id;
  }

  private void sink(int start) {
    int index = start;
    while (true) {
      int child = 2 * index + 1;
      if (child >= heapSize) {
        return;
      }
      if (child + 1 < heapSize && before(heap[child + 1], heap[child])) {
        child++;
      }
      if (!before(heap[child], heap[index])) {
        return;
      }
      int id = heap[index];
      heap[index] = heap[child];
      heap[child] = id;
      index = child;
    }
  }

  private boolean before(int a, int b) {
    return weights[a] > weights[b] || (weights[a] == weights[b] && a < b);
  }
}
