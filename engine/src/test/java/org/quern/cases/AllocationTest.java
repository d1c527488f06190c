package org.quern.cases;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.quern.Allocations;
import org.quern.exec.Backend;
import org.quern.plan.PlanOptions;

/** Once warm, a step allocates nothing on the Java heap, in the caller or in a worker. */
class AllocationTest {
  private static final int RUNS = 100;

  /** Rounds that must be clean one after the other. */
  private static final int CLEAN = 3;

  /** The walk itself is Java, and takes a while to be compiled. */
  private static final int MOST_ROUNDS = 1000;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  @TestFactory
  Stream<DynamicTest> aHundredStepsAllocateNothing() {
    return Backends.quick().stream()
        .flatMap(choice ->
            SmallModels.rows().stream()
                .map(row -> dynamicTest(choice + ", " + row, () -> check(choice, row))));
  }

  private static void check(Backends.Choice choice, OperationCase row) {
    try (Backend backend = choice.open(2);
        CaseRun run = new CaseRun(backend, CaseGraph.ofBody(row), PlanOptions.STANDARD)) {
      long[] threads = threads();
      assertThat(threads.length).as("caller and worker").isGreaterThanOrEqualTo(2);
      run.prepare();
      long allocated = Long.MAX_VALUE;
      int clean = 0;
      for (int round = 0; round < MOST_ROUNDS && clean < CLEAN; round++) {
        allocated = allocated(threads, run);
        clean = allocated == 0 ? clean + 1 : 0;
      }
      assertThat(allocated)
          .as(() ->
              "bytes that "
                  + RUNS
                  + " steps allocate once warm: "
                  + Allocations.of(() -> many(run)))
          .isZero();
    }
  }

  /** Bytes that a hundred steps allocate in these threads. */
  private static long allocated(long[] threads, CaseRun run) {
    long before = sum(threads);
    many(run);
    return sum(threads) - before;
  }

  private static void many(CaseRun run) {
    for (int index = 0; index < RUNS; index++) {
      run.run();
    }
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
        .filter(thread -> thread.equals(caller) || thread.getName().startsWith("quern-worker"))
        .mapToLong(Thread::threadId)
        .toArray();
  }
}
