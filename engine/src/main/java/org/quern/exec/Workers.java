package org.quern.exec;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;
import java.util.function.IntToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * The threads that run programs. The caller is worker 0; the others spin for a moment between runs,
 * since the next step or token follows soon, and then park. Nothing is allocated for a run. One run
 * at a time, which {@link CpuBackend} sees to.
 */
final class Workers implements AutoCloseable {
  private static final int SPINS = 20_000;

  private final Walker walker;
  private final Thread[] threads;
  private final AtomicInteger running = new AtomicInteger();
  private final AtomicLong generation = new AtomicLong();
  private volatile boolean closed;
  private volatile String failure = "";
  private volatile @Nullable Throwable crash;
  private volatile Thread caller = Thread.currentThread();
  private volatile @Nullable IntConsumer task;
  private long program;
  private @Nullable StepBlock step;
  private long first;
  private long last;

  Workers(Walker walker, int count) {
    this.walker = walker;
    threads = new Thread[count - 1];
    for (int index = 0; index < threads.length; index++) {
      int part = index + 1;
      threads[index] =
          Thread.ofPlatform().daemon().name("quern-worker-" + part).unstarted(() -> work(part));
    }
    for (Thread thread : threads) {
      thread.start();
    }
  }

  int count() {
    return threads.length + 1;
  }

  /** Tests the kernels on every thread; what is wrong on the first of them where something is. */
  String selfTest(int tier) {
    failure = "";
    onAll(worker -> note(walker.selfTest(tier)));
    return failure;
  }

  /** Does something on every thread at once, with its number, and returns when all are done. */
  void onAll(IntConsumer task) {
    if (closed) {
      throw new ExecutionException("The engine is closed; open another.");
    }
    crash = null;
    this.task = task;
    wake();
    runTask(task, 0);
    awaitOthers();
    this.task = null;
    rethrowCrash();
  }

  /**
   * What all workers do a second, together and by the time the last is done: the sum of their own
   * rates would be that of one worker twice where one began late.
   *
   * @param rate what a worker does a second in so many nanoseconds
   */
  double rateOfAll(long nanos, IntToDoubleFunction rate) {
    double[] rates = new double[count()];
    long begin = System.nanoTime();
    onAll(worker -> rates[worker] = rate.applyAsDouble(worker));
    double rounds = (double) (System.nanoTime() - begin) / nanos;
    return Arrays.stream(rates).sum() / rounds;
  }

  private void runTask(IntConsumer task, int part) {
    try {
      task.accept(part);
    } catch (RuntimeException | Error e) {
      crash = e;
    }
  }

  private void wake() {
    caller = Thread.currentThread();
    running.set(threads.length);
    generation.incrementAndGet();
    for (Thread thread : threads) {
      LockSupport.unpark(thread);
    }
  }

  private void note(String message) {
    if (!message.isEmpty()) {
      failure = message;
    }
  }

  private void awaitOthers() {
    for (int spins = 0; running.get() > 0; spins++) {
      if (spins < SPINS) {
        Thread.onSpinWait();
      } else {
        LockSupport.park(this);
      }
    }
  }

  /** Runs records of a program on all workers and returns when the last is done. */
  int run(long program, StepBlock step, long first, long last) {
    this.program = program;
    this.step = step;
    this.first = first;
    this.last = last;
    failure = "";
    crash = null;
    wake();
    int status = runPart(0);
    awaitOthers();
    rethrowCrash();
    return status;
  }

  /** Runs records on the calling thread alone, with a program of one part. */
  int runAlone(long program, StepBlock step, long first, long last) {
    failure = "";
    crash = null;
    this.program = program;
    this.step = step;
    this.first = first;
    this.last = last;
    int status = runPart(0);
    rethrowCrash();
    return status;
  }

  /** What the last run that failed said. */
  String failure() {
    return failure;
  }

  // A kernel in Java that fails must not leave the other workers waiting at a barrier.
  private int runPart(int part) {
    try {
      int status = walker.run(program, part, first, last);
      if (status != Status.OK) {
        note(walker.failure());
      }
      return status;
    } catch (RuntimeException | Error e) {
      crash = e;
      StepBlock current = step;
      if (current != null) {
        current.cancel();
      }
      return Status.CANCELLED;
    }
  }

  private void rethrowCrash() {
    Throwable thrown = crash;
    if (thrown != null) {
      ExecutionException failed =
          new ExecutionException("A kernel failed: " + thrown + "; please report it.");
      failed.initCause(thrown);
      throw failed;
    }
  }

  private void work(int part) {
    long done = 0;
    while (true) {
      for (int spins = 0; generation.get() == done && !closed; spins++) {
        if (spins < SPINS) {
          Thread.onSpinWait();
        } else {
          LockSupport.park(this);
        }
      }
      if (closed) {
        return;
      }
      done++;
      IntConsumer wanted = task;
      if (wanted == null) {
        int ignored = runPart(part);
      } else {
        runTask(wanted, part);
      }
      if (running.decrementAndGet() == 0) {
        LockSupport.unpark(caller);
      }
    }
  }

  @Override
  public void close() {
    closed = true;
    for (Thread thread : threads) {
      LockSupport.unpark(thread);
    }
    boolean interrupted = false;
    for (Thread thread : threads) {
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
