package org.quern.exec;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.quern.memory.Slab;
import org.quern.plan.Plan;
import org.quern.profile.ExecutionProfile;
import org.quern.profile.Profiler;
import org.quern.profile.RunEvents;
import org.quern.profile.SampleLayout;

/**
 * Times a program's runs while somebody wants that: a profiler, or a recording of Flight Recorder's
 * {@code org.quern.Kernel}. Memory is taken with the first such run, and nothing by others. Used
 * under the backend's lock.
 */
final class RunTiming implements AutoCloseable {
  private final CpuBackend backend;
  private final Plan plan;
  private final MemorySegment program;
  private final RunEvents events;
  private @Nullable Slab memory;
  private MemorySegment timedProgram = MemorySegment.NULL;
  private MemorySegment samples = MemorySegment.NULL;
  private @Nullable Profiler profiler;
  private @Nullable ExecutionProfile profile;
  private boolean timed;
  private long begin;

  /**
   * Timing for a program.
   *
   * @param program the {@code quern_program} of all workers, without samples
   */
  RunTiming(CpuBackend backend, Plan plan, MemorySegment program) {
    this.backend = backend;
    this.plan = plan;
    this.program = program;
    events = new RunEvents(plan, backend.threads(), backend.precision());
  }

  /** Before a run: the address of the program to run. */
  long begin() {
    Profiler wanted = backend.profiler();
    if (wanted != profiler) {
      profiler = wanted;
      profile = wanted == null ? null : wanted.of(plan);
    }
    events.begin();
    timed = wanted != null || events.wantKernels();
    long address = timed ? timedProgram() : program.address();
    begin = timed ? System.nanoTime() : 0;
    return address;
  }

  /** After a run that went well. */
  void end() {
    long end = timed ? System.nanoTime() : 0;
    events.end();
    if (!timed) {
      return;
    }
    ExecutionProfile sums = profile;
    if (sums != null) {
      sums.add(samples, end - begin);
    }
    if (events.wantKernels()) {
      events.kernels(samples, begin);
    }
  }

  private long timedProgram() {
    if (memory == null) {
      long records = plan.graph().nodes().size();
      long bytes = backend.threads() * records * SampleLayout.BYTES;
      Slab taken = backend.memory().allocate("times of records", ProgramLayout.BYTES + bytes);
      memory = taken;
      timedProgram = taken.segment().asSlice(0, ProgramLayout.BYTES);
      samples = taken.segment().asSlice(ProgramLayout.BYTES, bytes);
      timedProgram.copyFrom(program);
      timedProgram.set(JAVA_LONG, ProgramLayout.SAMPLES, samples.address());
    }
    return timedProgram.address();
  }

  @Override
  public void close() {
    Slab taken = memory;
    if (taken != null) {
      taken.close();
    }
  }
}
