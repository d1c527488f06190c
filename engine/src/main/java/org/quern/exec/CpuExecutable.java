package org.quern.exec;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Node;
import org.quern.ir.Parameter;
import org.quern.ir.Region;
import org.quern.ir.Value;
import org.quern.ir.op.Matmul;
import org.quern.ir.op.MatmulInt8;
import org.quern.memory.Bytes;
import org.quern.memory.Slab;
import org.quern.memory.SlabAllocator;
import org.quern.plan.Plan;
import org.quern.plan.ProgramWriter;

/** A program linked for the walkers of this machine's cores. */
final class CpuExecutable implements Executable {
  private final CpuBackend backend;
  private final Plan plan;
  private final LinkedMemory memory;
  private final Slab own;
  private final MemorySegment activations;
  private final MemorySegment constants;
  private final MemorySegment io;
  private final MemorySegment barrier;
  private final StepBlock step;
  private final RunTiming timing;
  private final MemorySegment records;
  private final long stepAddress;
  private final long programAlone;
  private final List<String> rounded;
  private final Map<String, MemorySegment> inputs;
  private final Map<String, MemorySegment> outputs;
  private int placement;
  private boolean closed;

  CpuExecutable(CpuBackend backend, Plan plan, LinkedMemory memory) {
    this.backend = backend;
    this.plan = plan;
    this.memory = memory;
    checkShared();
    Parts parts = new Parts();
    long recordPart = parts.reserve(plan.programBytes());
    long programs = parts.reserve(2 * SlabAllocator.ALIGNMENT);
    long steps = parts.reserve(StepBlock.BYTES);
    long barriers = parts.reserve(ProgramLayout.BARRIER_BYTES);
    long constantPart = parts.reserve(plan.bytes(Region.CONSTANTS));
    long ioPart = parts.reserve(plan.bytes(Region.IO));
    // Guards are whole pages, and the slab begins with one.
    parts.end = Bytes.align(parts.end, 4096);
    boolean shared = memory.activations().isPresent();
    long activationPart = parts.reserve(shared ? 0 : plan.bytes(Region.ACTIVATIONS));
    own = backend.memory().allocate("activations and program", parts.end);
    try {
      MemorySegment all = own.segment();
      constants = all.asSlice(constantPart, plan.bytes(Region.CONSTANTS));
      io = all.asSlice(ioPart, plan.bytes(Region.IO));
      activations =
          memory
              .activations()
              .map(Slab::segment)
              .orElseGet(() -> all.asSlice(activationPart, plan.bytes(Region.ACTIVATIONS)));
      barrier = all.asSlice(barriers, ProgramLayout.BARRIER_BYTES);
      step = new StepBlock(all.asSlice(steps, StepBlock.BYTES));
      for (long guard : plan.guards()) {
        own.guard(activationPart + guard, 4096);
      }
      writeConstants();
      records = all.asSlice(recordPart, plan.programBytes());
      stepAddress = own.address() + steps;
      writeRecords();
      programAlone = own.address() + programs + SlabAllocator.ALIGNMENT;
      MemorySegment programSegment = all.asSlice(programs, 2 * SlabAllocator.ALIGNMENT);
      writeProgram(programSegment, backend.threads());
      writeProgram(programSegment.asSlice(SlabAllocator.ALIGNMENT), 1);
      timing = new RunTiming(backend, plan, programSegment.asSlice(0, ProgramLayout.BYTES));
      rounded =
          plan.graph().values().stream()
              .filter(value -> value.region() == Region.BF16_PARAMETERS)
              .map(Value::name)
              .toList();
      inputs =
          plan.graph().values().stream()
              .filter(value -> value.region() == Region.IO)
              .collect(Collectors.toUnmodifiableMap(Value::name, this::segment));
      outputs =
          plan.graph().outputs().entrySet().stream()
              .collect(
                  Collectors.toUnmodifiableMap(
                      Map.Entry::getKey, entry -> segment(entry.getValue())));
    } catch (RuntimeException e) {
      own.close();
      throw e;
    }
  }

  private static final class Parts {
    private long end;

    long reserve(long bytes) {
      long start = end;
      end = Bytes.align(end + bytes, SlabAllocator.ALIGNMENT);
      return start;
    }
  }

  private void checkShared() {
    long cacheBytes = plan.bytes(Region.CACHE);
    if (cacheBytes > 0 && memory.cache().map(Slab::bytes).orElse(0L) < cacheBytes) {
      throw new ExecutionException(
          "The program needs a cache of " + Bytes.toString(cacheBytes) + "; link it with one.");
    }
    long activationBytes = plan.bytes(Region.ACTIVATIONS);
    if (memory.activations().isPresent() && memory.activations().get().bytes() < activationBytes) {
      throw new ExecutionException(
          "The shared activations are smaller than the "
              + Bytes.toString(activationBytes)
              + " that the program needs.");
    }
    memory.model().require(plan.graph());
  }

  private void writeRecords() {
    placement = memory.model().placement();
    new ProgramWriter(plan, backend.precision(), this::address, stepAddress, backend.workAddress())
        .write(records);
  }

  private long address(Value value) {
    return segment(value).address();
  }

  private MemorySegment segment(Value value) {
    long offset = plan.offset(value);
    return switch (value.region()) {
      case PARAMETERS,
          ROUNDED_PARAMETERS,
          BF16_PARAMETERS,
          GRADIENTS,
          FIRST_MOMENTS,
          SECOND_MOMENTS -> {
        Value whole = value.root();
        long start = plan.offset(whole);
        MemorySegment place = memory.model().place(whole, start);
        yield place.asSlice(offset - start, value.bytes());
      }
      case CACHE ->
          memory
              .cache()
              .orElseThrow(() -> new ExecutionException("The program has no cache."))
              .segment()
              .asSlice(offset, value.bytes());
      case CONSTANTS -> constants.asSlice(offset, value.bytes());
      case IO -> io.asSlice(offset, value.bytes());
      case ACTIVATIONS -> activations.asSlice(offset, value.bytes());
    };
  }

  private void writeConstants() {
    for (Value value : plan.graph().values()) {
      if (value.region() == Region.CONSTANTS) {
        MemorySegment.copy(
            MemorySegment.ofArray(plan.graph().constant(value)),
            0,
            constants,
            plan.offset(value),
            value.bytes());
      }
    }
  }

  private void writeProgram(MemorySegment target, int parts) {
    target.set(JAVA_LONG, ProgramLayout.RECORDS, records.address());
    target.set(JAVA_LONG, ProgramLayout.COUNT, plan.graph().nodes().size());
    target.set(JAVA_LONG, ProgramLayout.STEP, stepAddress);
    target.set(JAVA_LONG, ProgramLayout.BARRIER, barrier.address());
    target.set(JAVA_INT, ProgramLayout.TIER, backend.tier());
    target.set(JAVA_INT, ProgramLayout.PARTS, parts);
  }

  @Override
  public Plan plan() {
    return plan;
  }

  @Override
  public StepBlock step() {
    return step;
  }

  @Override
  public MemorySegment input(String name) {
    return named(inputs, "input", name);
  }

  @Override
  public MemorySegment output(String name) {
    return named(outputs, "output", name);
  }

  private static MemorySegment named(
      Map<String, MemorySegment> segments, String kind, String name) {
    MemorySegment segment = segments.get(name);
    if (segment == null) {
      throw new ExecutionException(
          "The program has no " + kind + " named " + name + "; it has " + segments.keySet() + ".");
    }
    return segment;
  }

  @Override
  public void run() {
    backend.lock().acquire();
    try {
      checkOpen();
      prepare();
      if (placement != memory.model().placement()) {
        memory.model().require(plan.graph());
        writeRecords();
      }
      memory.model().roundFor(plan.graph(), rounded);
      if (step.updates()) {
        memory.model().parametersChange(plan.graph());
      }
      long program = timing.begin();
      backend.begin(step);
      int status;
      try {
        // Whoever closed the backend before the line above did not see this run to cancel it.
        backend.checkOpen();
        status = backend.workers().run(program, step, 0, plan.graph().nodes().size());
      } finally {
        backend.end();
        step.clearCancel();
      }
      if (status != Status.OK) {
        fail(status);
      }
      timing.end();
    } finally {
      backend.lock().release();
    }
  }

  private void checkOpen() {
    backend.checkOpen();
    if (closed) {
      throw new ExecutionException("The program is closed; link it again.");
    }
    if (!memory.model().isOpen()) {
      throw new ExecutionException("The model is closed; load or create it again.");
    }
  }

  private void prepare() {
    step.clearBeforeRun();
    barrier.fill((byte) 0);
  }

  private void fail(int status) {
    if (status == Status.CANCELLED) {
      throw new CancelledException("The run was cancelled.");
    }
    long failed = step.failedRecord();
    Node node = plan.graph().nodes().get(Math.toIntExact(failed));
    throw new ExecutionException(node + " failed: " + backend.workers().failure());
  }

  @Override
  public Optional<String> findNonfinite() {
    backend.lock().acquire();
    try {
      checkOpen();
      step.accumulate(false);
      memory.model().roundFor(plan.graph(), rounded);
      for (Parameter parameter : memory.model().layout().parameters()) {
        if (!finite(memory.model().weights(parameter.name()))) {
          return Optional.of("the parameter " + parameter.name());
        }
      }
      Graph graph = plan.graph();
      for (Node node : graph.nodes()) {
        if (node.onUpdate()) {
          continue;
        }
        prepare();
        int status = backend.workers().runAlone(programAlone, step, node.id(), node.id() + 1L);
        if (status != Status.OK) {
          fail(status);
        }
        if (!finite(node)) {
          return Optional.of(node.toString());
        }
      }
      return Optional.empty();
    } finally {
      backend.lock().release();
    }
  }

  @Override
  public OptionalDouble measureReading() {
    backend.lock().acquire();
    try {
      checkOpen();
      return backend.measureReading(multipliers());
    } finally {
      backend.lock().release();
    }
  }

  /** The weights of matrix products. */
  private List<MemorySegment> multipliers() {
    return plan.graph().nodes().stream()
        .filter(node -> node.op() instanceof Matmul || node.op() instanceof MatmulInt8)
        .map(node -> node.input(1))
        .filter(value -> value.region().isModel())
        .distinct()
        .map(this::segment)
        .toList();
  }

  private boolean finite(Node node) {
    for (Value output : node.outputs()) {
      if (output.dtype() == DType.F32 && !finite(segment(output))) {
        return false;
      }
    }
    for (int index = 0; index < node.inputs().size(); index++) {
      if (node.op().updates(index)
          && !node.input(index).isNone()
          && node.input(index).dtype() == DType.F32
          && !finite(segment(node.input(index)))) {
        return false;
      }
    }
    return true;
  }

  private static boolean finite(MemorySegment floats) {
    for (long offset = 0; offset < floats.byteSize(); offset += Float.BYTES) {
      if (!Float.isFinite(floats.get(JAVA_FLOAT, offset))) {
        return false;
      }
    }
    return true;
  }

  @Override
  public void close() {
    backend
        .lock()
        .run(() -> {
          if (!closed) {
            closed = true;
            timing.close();
            own.close();
          }
        });
  }
}
