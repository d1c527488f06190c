package org.quern.memory;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Work on memory that no kernel does, on several threads: one alone spends its time on pages that
 * are touched for the first time.
 */
public final class ParallelTasks {
  private final List<Runnable> tasks;
  private final AtomicInteger next = new AtomicInteger();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

  private ParallelTasks(List<Runnable> tasks) {
    this.tasks = tasks;
  }

  /**
   * Runs all tasks and returns when the last is done; the first that fails ends the others' turn,
   * and is thrown.
   *
   * @param threads the most threads to use, the calling one included
   */
  public static void run(List<Runnable> tasks, int threads) {
    new ParallelTasks(tasks).run(threads);
  }

  private void run(int threads) {
    List<Thread> helpers = new ArrayList<>();
    for (int index = 1; index < Math.min(threads, tasks.size()); index++) {
      helpers.add(Thread.ofPlatform().daemon().name("quern-task-" + index).start(this::work));
    }
    work();
    boolean interrupted = false;
    for (Thread helper : helpers) {
      while (helper.isAlive()) {
        try {
          helper.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    switch (failure.get()) {
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case null, default -> {}
    }
  }

  private void work() {
    try {
      for (int index = next.getAndIncrement();
          index < tasks.size() && failure.get() == null;
          index = next.getAndIncrement()) {
        tasks.get(index).run();
      }
    } catch (RuntimeException | Error e) {
      failure.compareAndSet(null, e);
    }
  }
}
