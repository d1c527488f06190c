package org.quern.app;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Lets Ctrl-C (or a termination signal) stop something cleanly: the JVM's end waits until it has
 * stopped and what follows it is done.
 */
final class Interruption {
  private static final long MOST_SECONDS = 120;

  private Interruption() {}

  /**
   * Does something that can be stopped.
   *
   * @param stop asks it to end; called on another thread
   * @param action what is done
   */
  static <T> T during(Runnable stop, Supplier<T> action) {
    CountDownLatch done = new CountDownLatch(1);
    Thread hook = new Thread(() -> stopAndWait(stop, done), "quern-interruption");
    Runtime.getRuntime().addShutdownHook(hook);
    try {
      return action.get();
    } finally {
      done.countDown();
      remove(hook);
    }
  }

  private static void stopAndWait(Runnable stop, CountDownLatch done) {
    stop.run();
    try {
      boolean ignored = done.await(MOST_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void remove(Thread hook) {
    try {
      boolean ignored = Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The JVM is ending: the hook is running and has just been let go.
      return;
    }
  }
}
