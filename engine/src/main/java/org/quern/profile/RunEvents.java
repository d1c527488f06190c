package org.quern.profile;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import jdk.jfr.FlightRecorder;
import org.jspecify.annotations.Nullable;
import org.quern.ir.Node;
import org.quern.ir.Precision;
import org.quern.plan.Plan;

/**
 * Tells the Flight Recorder about a program's runs, if one is recording. One thread at a time;
 * while nothing is recorded nothing is allocated.
 */
public final class RunEvents {
  private final Plan plan;
  private final int workers;
  private final Precision precision;
  private @Nullable ProgramEvent program;
  private @Nullable KernelEvent probe;
  private long runs;

  /**
   * Events of a program.
   *
   * @param workers how many run it
   * @param precision how products are computed
   */
  public RunEvents(Plan plan, int workers, Precision precision) {
    this.plan = plan;
    this.precision = precision;
    this.workers = workers;
  }

  /** Whether somebody records {@code org.quern.Kernel}, for which records must be timed. */
  public boolean wantKernels() {
    KernelEvent asked = probe;
    return asked != null && asked.isEnabled();
  }

  /** Before a run, and before anything else is asked about it. */
  public void begin() {
    ProgramEvent event = program;
    if (event == null) {
      // The first touch of an event sets up the recorder, which takes tens of milliseconds.
      if (!FlightRecorder.isInitialized()) {
        return;
      }
      event = new ProgramEvent();
      program = event;
      probe = new KernelEvent();
    }
    event.begin();
  }

  /** After a run: its duration. */
  public void end() {
    ProgramEvent event = program;
    if (event == null) {
      return;
    }
    event.end();
    if (event.shouldCommit()) {
      event.program = ExecutionProfile.title(plan);
      event.records = plan.graph().nodes().size();
      event.workers = workers;
      event.commit();
    }
  }

  /**
   * After a run that was timed: an event for each record and worker.
   *
   * @param samples a {@code quern_sample} for each record, worker after worker
   * @param begin when the run began, by {@link System#nanoTime}
   */
  public void kernels(MemorySegment samples, long begin) {
    String title = ExecutionProfile.title(plan);
    runs++;
    int records = plan.graph().nodes().size();
    for (Node node : plan.graph().nodes()) {
      for (int worker = 0; worker < workers; worker++) {
        long first = (long) worker * records;
        long at = (first + node.id()) * SampleLayout.BYTES;
        long start = began(samples, first + node.id());
        if (start != 0) {
          long end = samples.get(JAVA_LONG, at + SampleLayout.END);
          List<Node> fused =
              FusedNodes.after(plan, node, other -> began(samples, first + other) != 0);
          KernelEvent event = new KernelEvent();
          event.operation = FusedNodes.operation(node, fused);
          event.kernel = precision.kernel(node.op().kernel()).name().toLowerCase(Locale.ROOT);
          event.program = title;
          event.run = runs;
          event.node = node.id();
          event.worker = worker;
          event.start = start - begin;
          event.time = end - start;
          event.wait = samples.get(JAVA_LONG, at + SampleLayout.MET) - end;
          event.gflop = FusedNodes.cost(node, fused).flops() / 1e9;
          event.commit();
        }
      }
    }
  }

  private static long began(MemorySegment samples, long sample) {
    return samples.get(JAVA_LONG, sample * SampleLayout.BYTES + SampleLayout.BEGIN);
  }
}
