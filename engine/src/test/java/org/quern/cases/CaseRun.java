package org.quern.cases;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.quern.exec.Backend;
import org.quern.exec.Executable;
import org.quern.exec.LinkedMemory;
import org.quern.exec.ModelMemory;
import org.quern.exec.StepBlock;
import org.quern.ir.DType;
import org.quern.ir.Region;
import org.quern.ir.Value;
import org.quern.memory.Slab;
import org.quern.plan.Plan;
import org.quern.plan.PlanOptions;
import org.quern.reference.ReferenceStep;

/** A case planned, linked and run by a backend. */
final class CaseRun implements AutoCloseable {
  /** What an output holds before a run: a NaN that no kernel makes. */
  private static final int SENTINEL = 0x7fc5a5a5;

  private final CaseGraph graph;
  private final ModelMemory model;
  private final Slab cache;
  private final Executable executable;

  CaseRun(Backend backend, CaseGraph graph, PlanOptions options) {
    this.graph = graph;
    Plan plan = Plan.of(graph.graph(), options);
    model = backend.allocate("a case", graph.graph().layout());
    cache = backend.memory().allocate("cache of a case", plan.bytes(Region.CACHE));
    executable = backend.link(plan, new LinkedMemory(model, Optional.of(cache), Optional.empty()));
    ReferenceStep step = graph.row().step();
    StepBlock block = executable.step();
    block.step(step.step);
    block.sequence(step.sequence);
    block.seed(step.seed);
    block.update(step.update);
    block.learningRate(step.learningRate);
    block.lossScale(step.lossScale);
    block.maxNorm(step.maxNorm);
    block.accumulate(step.accumulate);
  }

  StepBlock step() {
    return executable.step();
  }

  /** Writes all that the case starts from and sentinels wherever it makes something. */
  void prepare() {
    for (Value value : graph.written()) {
      write(value, segment(value));
    }
    for (Region region : Region.values()) {
      if (region.isModel() && model.has(region)) {
        float[] numbers = graph.region(region);
        MemorySegment.copy(numbers, 0, model.segment(region), JAVA_FLOAT, 0, numbers.length);
      }
    }
    for (String output : graph.graph().outputs().keySet()) {
      MemorySegment segment = executable.output(output);
      if (graph.graph().output(output).dtype() == DType.BF16) {
        for (long offset = 0; offset < segment.byteSize(); offset += Short.BYTES) {
          segment.set(JAVA_SHORT, offset, (short) (SENTINEL >> Short.SIZE));
        }
      } else {
        for (long offset = 0; offset < segment.byteSize(); offset += Integer.BYTES) {
          segment.set(JAVA_INT, offset, SENTINEL);
        }
      }
    }
  }

  private void write(Value value, MemorySegment segment) {
    float[] numbers = graph.contents(value.name());
    for (int index = 0; index < numbers.length; index++) {
      if (value.dtype() == DType.I32) {
        segment.setAtIndex(JAVA_INT, index, (int) numbers[index]);
      } else if (value.dtype() == DType.I8) {
        segment.set(JAVA_BYTE, index, (byte) numbers[index]);
      } else if (value.dtype() == DType.BF16) {
        int upper = Float.floatToRawIntBits(numbers[index]) >>> Short.SIZE;
        segment.setAtIndex(JAVA_SHORT, index, (short) upper);
      } else {
        segment.setAtIndex(JAVA_FLOAT, index, numbers[index]);
      }
    }
  }

  void run() {
    executable.run();
  }

  Optional<String> findNonfinite() {
    return executable.findNonfinite();
  }

  /** The memory of what is to be compared, by the names of {@link CaseGraph#results}. */
  Map<String, float[]> results() {
    Map<String, float[]> results = new LinkedHashMap<>();
    graph.results().forEach((name, value) -> results.put(name, floats(value)));
    return results;
  }

  /** What no node may change: inputs, and the gaps between parameters. */
  Map<String, int[]> untouched() {
    Map<String, int[]> untouched = new LinkedHashMap<>();
    for (Value value : graph.written()) {
      if (value.region() == Region.IO) {
        untouched.put(value.name(), bits(value));
      }
    }
    for (Region region : Region.values()) {
      if (region.isModel() && model.has(region)) {
        untouched.put("gaps of " + region, gaps(model.segment(region).toArray(JAVA_INT)));
      }
    }
    return untouched;
  }

  private int[] bits(Value value) {
    MemorySegment segment = segment(value);
    if (value.dtype() != DType.I8) {
      return segment.toArray(JAVA_INT);
    }
    int[] bits = new int[(int) segment.byteSize()];
    Arrays.setAll(bits, index -> segment.get(JAVA_BYTE, index));
    return bits;
  }

  private int[] gaps(int[] region) {
    graph
        .graph()
        .layout()
        .parameters()
        .forEach(parameter -> {
          int first = (int) graph.graph().layout().offset(parameter.name());
          int last = first + (int) parameter.shape().elements();
          Arrays.fill(region, first, last, 0);
        });
    return region;
  }

  private float[] floats(Value value) {
    MemorySegment segment = segment(value);
    if (value.dtype() != DType.BF16) {
      return segment.toArray(JAVA_FLOAT);
    }
    short[] upper = segment.toArray(JAVA_SHORT);
    float[] floats = new float[upper.length];
    for (int index = 0; index < floats.length; index++) {
      floats[index] = Float.intBitsToFloat(upper[index] << Short.SIZE);
    }
    return floats;
  }

  private MemorySegment segment(Value value) {
    long offset = executable.plan().offset(value);
    return switch (value.region()) {
      case PARAMETERS,
          ROUNDED_PARAMETERS,
          BF16_PARAMETERS,
          GRADIENTS,
          FIRST_MOMENTS,
          SECOND_MOMENTS ->
          model.segment(value.region()).asSlice(offset, value.bytes());
      case CACHE -> cache.segment().asSlice(offset, value.bytes());
      case IO -> executable.input(value.name());
      case CONSTANTS -> throw new IllegalArgumentException(value + " is a constant");
      case ACTIVATIONS -> executable.output(outputName(value));
    };
  }

  private String outputName(Value value) {
    return graph.graph().outputs().entrySet().stream()
        .filter(entry -> entry.getValue().equals(value))
        .map(Map.Entry::getKey)
        .findFirst()
        .orElseThrow();
  }

  @Override
  public void close() {
    executable.close();
    cache.close();
    model.close();
  }
}
