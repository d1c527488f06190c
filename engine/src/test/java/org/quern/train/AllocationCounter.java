package org.quern.train;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Reads the JVM's own counters, which allocates nothing itself, and ends the training after a
 * hundred steps in which no thread has allocated anything.
 */
final class AllocationCounter implements TrainingListener {
  private static final int MEASURED = 100;

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private final long[] workers;
  private final long[] before;
  private final long[] allocated;
  private @Nullable Trainer trainer;

  AllocationCounter() {
    workers =
        Arrays.stream(threads.getThreadInfo(threads.getAllThreadIds()))
            .filter(thread -> thread != null && thread.getThreadName().startsWith("quern-worker"))
            .mapToLong(thread -> thread.getThreadId())
            .toArray();
    before = new long[workers.length + 1];
    allocated = new long[workers.length + 1];
  }

  void stops(Trainer other) {
    trainer = other;
  }

  @Override
  public void onStep(StepReport report) {
    if (report.step() % MEASURED != 0) {
      return;
    }
    boolean nothing = true;
    for (int index = 0; index <= workers.length; index++) {
      long bytes =
          index < workers.length
              ? threads.getThreadAllocatedBytes(workers[index])
              : threads.getCurrentThreadAllocatedBytes();
      allocated[index] = bytes - before[index];
      before[index] = bytes;
      nothing &= allocated[index] == 0;
    }
    if (nothing && trainer != null) {
      trainer.stop();
    }
  }

  /** Bytes in the last hundred steps, by each worker beside the caller, then by the caller. */
  String lastHundredSteps() {
    return Arrays.toString(allocated);
  }

  /** Bytes of the caller since it began. */
  long allByCaller() {
    return before[workers.length];
  }
}
