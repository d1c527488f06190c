package org.quern.app;

import java.io.IOException;

/** A process of ours that must not outlive us, nor must those that it starts. */
final class ChildProcess implements AutoCloseable {
  private final Process process;
  private final Thread hook;

  private ChildProcess(Process process) {
    this.process = process;
    hook = new Thread(this::end, "quern-child");
  }

  /** Starts a process that ends with this object, or with this JVM however that is stopped. */
  static ChildProcess start(ProcessBuilder builder) throws IOException {
    ChildProcess child = new ChildProcess(builder.start());
    Runtime.getRuntime().addShutdownHook(child.hook);
    return child;
  }

  Process process() {
    return process;
  }

  /**
   * Ends it, whatever it is doing, and waits until it is gone.
   *
   * @return its exit code
   */
  int kill() throws InterruptedException {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    return process.destroyForcibly().waitFor();
  }

  private void end() {
    process.descendants().forEach(ProcessHandle::destroy);
    process.destroy();
  }

  @Override
  public void close() {
    try {
      boolean ignored = Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The JVM is ending already, and the hook does its work.
      return;
    }
    end();
  }
}
