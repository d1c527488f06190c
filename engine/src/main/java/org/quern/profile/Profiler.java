package org.quern.profile;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.plan.Plan;

/**
 * Times every record of every program that an engine runs, until it is closed; what it found stays.
 * Thread-safe.
 */
public final class Profiler implements AutoCloseable {
  private final int workers;
  private final Runnable end;
  private final Map<Long, ExecutionProfile> programs = new LinkedHashMap<>();

  /**
   * For backends.
   *
   * @param workers the number of workers
   * @param end what ends the timing
   */
  public Profiler(int workers, Runnable end) {
    this.workers = workers;
    this.end = end;
  }

  /** Where the times of a program go; programs of one plan share it. For backends. */
  public synchronized ExecutionProfile of(Plan plan) {
    return programs.computeIfAbsent(plan.fingerprint(), key -> new ExecutionProfile(plan, workers));
  }

  /** The programs that ran, those that took longest first. */
  public synchronized List<ExecutionProfile> programs() {
    return programs.values().stream()
        .filter(program -> program.runs() > 0)
        .sorted((one, other) -> Double.compare(other.seconds(), one.seconds()))
        .toList();
  }

  /** Ends the timing. A second call does nothing. */
  @Override
  public void close() {
    end.run();
  }
}
