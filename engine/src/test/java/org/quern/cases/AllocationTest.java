package org.quern.cases;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.quern.exec.Backend;
import org.quern.plan.PlanOptions;

/** Once warm, a step allocates nothing on the Java heap, in the caller or in a worker. */
class AllocationTest {
  private static final int RUNS = 100;

  /** Until all kernels in Java are compiled, their vectors are objects. */
  private static final int MOST_WARM_UPS = 2000;

  private static final ThreadMXBean THREADS =
      (ThreadMXBean) ManagementFactory.getThreadMXBean();

  @TestFactory
  Stream<DynamicTest> aHundredStepsAllocateNothing() {
    return Backends.available().stream()
        .flatMap(
            choice ->
                SmallModels.rows().stream()
                    .map(row -> dynamicTest(choice + ", " + row, () -> check(choice, row))));
  }

  private static void check(Backends.Choice choice, OperationCase row) {
    try (Backend backend = choice.open(2);
        CaseRun run = new CaseRun(backend, CaseGraph.ofBody(row), PlanOptions.STANDARD)) {
      long[] threads = threads();
      assertThat(threads.length).as("caller and worker").isGreaterThanOrEqualTo(2);
      run.prepare();
      int warmUps = 0;
      while (allocated(threads, run) > 0 && warmUps < MOST_WARM_UPS) {
        warmUps++;
      }
      assertThat(allocated(threads, run))
          .as("bytes that %d steps allocate after %d", RUNS, (warmUps + 1) * RUNS)
          .isZero();
    }
  }

  /** Bytes that a hundred steps allocate in these threads. */
  private static long allocated(long[] threads, CaseRun run) {
    long before = sum(threads);
    for (int index = 0; index < RUNS; index++) {
      run.run();
    }
    return sum(threads) - before;
  }

  private static long sum(long[] threads) {
    long sum = 0;
    for (long thread : threads) {
      sum += THREADS.getThreadAllocatedBytes(thread);
    }
    return sum;
  }

  private static long[] threads() {
    Thread caller = Thread.currentThread();
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread == caller || thread.getName().startsWith("quern-worker"))
        .mapToLong(Thread::threadId)
        .toArray();
  }
}
