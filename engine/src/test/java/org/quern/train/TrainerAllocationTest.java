package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.quern.exec.nativecpu.NativeKernels;
import org.quern.model.Gpt2Config;
import org.quern.model.ModelConfig;

class TrainerAllocationTest {
  private static final int MEASURED = 100;

  private static final ModelConfig SMALL =
      Gpt2Config.of(TrainingFixture.TOKENIZER.vocabularySize(), 16, 32, 1, 2).withDropout(0.1f);

  /** Within these the JVM must have compiled what it runs. */
  private static final int LIMIT = 20_000;

  /**
   * Reads the JVM's own counters, which allocates nothing itself, and ends the training after a
   * hundred steps in which no thread has allocated anything.
   */
  private static final class Counter implements TrainingListener {
    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private final long[] workers;
    private final long[] before;
    private final long[] allocated;
    private @Nullable Trainer trainer;
    private boolean nothing;

    Counter() {
      workers =
          Arrays.stream(threads.getThreadInfo(threads.getAllThreadIds()))
              .filter(thread -> thread != null && thread.getThreadName().startsWith("quern-worker"))
              .mapToLong(thread -> thread.getThreadId())
              .toArray();
      before = new long[workers.length + 1];
      allocated = new long[workers.length + 1];
    }

    @Override
    public void onStep(StepReport report) {
      if (report.step() % MEASURED != 0) {
        return;
      }
      nothing = true;
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
  }

  @Test
  void aHundredStepsOnTheNativeBackendAllocateNothing() {
    assumeTrue(NativeKernels.find().isLoaded(), "skipped: the native library is not there");
    assertAllocatesNothing("native");
  }

  @Test
  void aHundredStepsOnTheVectorApiAllocateNothing() {
    assertAllocatesNothing("vector");
  }

  private static void assertAllocatesNothing(String backend) {
    try (TrainingFixture fixture = TrainingFixture.open(backend, SMALL, 2)) {
      Counter counter = new Counter();
      assertThat(counter.workers).as("workers beside the caller").hasSize(1);
      try (Trainer trainer =
          fixture.trainer(
              TrainingFixture.batches(),
              TrainingFixture.options(LIMIT).withAccumulation(2),
              counter)) {
        counter.trainer = trainer;
        long slabs = fixture.engine.backend().memory().allocated();
        long step = trainer.train().step();
        assertThat(counter.before[1]).as("bytes of the caller before").isPositive();
        assertThat(counter.nothing)
            .as(
                "whether %d steps before step %d allocated nothing, but %s",
                MEASURED, step, Arrays.toString(counter.allocated))
            .isTrue();
        assertThat(fixture.engine.backend().memory().allocated())
            .as("bytes off the heap")
            .isEqualTo(slabs);
      }
    }
  }
}
