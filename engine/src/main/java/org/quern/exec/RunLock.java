package org.quern.exec;

import java.util.concurrent.locks.ReentrantLock;

/** Keeps runs apart from each other and from what would take their memory away. */
final class RunLock {
  private final ReentrantLock lock = new ReentrantLock();

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
