package org.quern.exec;

import java.util.concurrent.locks.ReentrantLock;

/**
 * Keeps runs apart from each other and from what would take their memory away. Fair: one thread
 * that runs token after token would otherwise keep others, and who wants to close, waiting.
 */
final class RunLock {
  private final ReentrantLock lock = new ReentrantLock(true);

  void acquire() {
    lock.lock();
  }

  void release() {
    lock.unlock();
  }

  void run(Runnable action) {
    acquire();
    try {
      action.run();
    } finally {
      release();
    }
  }
}
