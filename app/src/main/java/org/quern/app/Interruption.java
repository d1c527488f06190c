package org.quern.app;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Lets Ctrl-C (or a termination signal) stop something cleanly: the JVM's end waits until it has
 * stopped and what follows it is done, which is when this is closed. The JVM then ends with the
 * signal's exit code: 130 for Ctrl-C.
 */
final class Interruption implements AutoCloseable {
  private static final long MOST_SECONDS = 120;

  private final CountDownLatch done = new CountDownLatch(1);
  private final Thread hook;
  private boolean requested;
  private boolean closed;

  /**
   * Begins to listen.
   *
   * @param stop asks for the end and returns at once; called on a thread of the JVM's own
   */
  Interruption(Runnable stop) {
    hook = new Thread(() -> stopAndWait(stop), "quern-interruption");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  private void stopAndWait(Runnable stop) {
    ask(stop);
    try {
      boolean ignored = done.await(MOST_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Not after the end: what would be stopped may be closed by then. */
  private synchronized void ask(Runnable stop) {
    if (!closed) {
      requested = true;
      stop.run();
    }
  }

  /** Whether the end was asked for. */
  synchronized boolean requested() {
    return requested;
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    try {
      boolean ignored = Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The JVM is ending: the hook is running, or about to, and is let go.
      done.countDown();
      return;
    }
    done.countDown();
  }
}
