package org.quern.exec;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.quern.ir.DType;
import org.quern.ir.Parameter;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Region;
import org.quern.ir.Shape;
import org.quern.memory.Bytes;
import org.quern.memory.ParallelTasks;
import org.quern.memory.Slab;
import org.quern.memory.SlabAllocator;

/**
 * Weights that nobody changes: used where the source has them if they have the type that is wanted,
 * else converted once a program asks. The caller sees to it that one thread at a time does so.
 */
final class SourcedWeights implements AutoCloseable {
  /** A parameter in one of its two forms. */
  record Form(Region region, String name) {}

  private final SlabAllocator allocator;
  private final String owner;
  private final ParameterLayout layout;
  private final WeightSource source;
  private final int threads;
  private final Map<Form, MemorySegment> places = new LinkedHashMap<>();
  private final List<Slab> converted = new ArrayList<>();
  private final boolean bf16;

  SourcedWeights(
      SlabAllocator allocator,
      String owner,
      ParameterLayout layout,
      WeightSource source,
      int threads) {
    this.allocator = allocator;
    this.owner = owner;
    this.layout = layout;
    this.source = source;
    this.threads = threads;
    bf16 =
        layout.parameters().stream()
            .filter(parameter -> parameter.shape().rank() == 2)
            .allMatch(parameter -> fits(new Form(Region.ROUNDED_PARAMETERS, parameter.name())));
  }

  /** Whether the source has all matrices in BF16, as kernels read them. */
  boolean isBf16() {
    return bf16;
  }

  /** Where a weight that was placed stands. */
  MemorySegment segment(Form form) {
    MemorySegment place = places.get(form);
    if (place == null) {
      throw new ExecutionException(form.name() + " of " + owner + " was not placed.");
    }
    return place;
  }

  /**
   * Finds or makes places for these.
   *
   * @throws org.quern.memory.MemoryException if there is not enough memory for what is converted
   */
  void place(Collection<Form> wanted) {
    Set<Form> missing = new LinkedHashSet<>();
    for (Form form : wanted) {
      if (places.containsKey(form)) {
        continue;
      }
      if (fits(form)) {
        places.put(form, source.segment(form.name()));
      } else {
        missing.add(form);
      }
    }
    // Rounding reads floats where there are some.
    convert(missing.stream().filter(form -> form.region() == Region.PARAMETERS).toList());
    convert(missing.stream().filter(form -> form.region() != Region.PARAMETERS).toList());
  }

  /** Whether the source has it as kernels read it: type, order and alignment. */
  private boolean fits(Form form) {
    DType type = source.type(form.name());
    long address = source.segment(form.name()).address();
    return type == form.region().dtype()
        && address % type.bytes() == 0
        && (form.region() == Region.PARAMETERS || !parameter(form).conv1d());
  }

  private Parameter parameter(Form form) {
    return layout.parameter(form.name());
  }

  private void convert(List<Form> forms) {
    if (forms.isEmpty()) {
      return;
    }
    long bytes = 0;
    for (Form form : forms) {
      bytes += Bytes.align(bytes(form), SlabAllocator.ALIGNMENT);
    }
    Slab slab = allocator.allocate("converted weights of " + owner, bytes);
    converted.add(slab);
    Map<Form, MemorySegment> made = new LinkedHashMap<>();
    long offset = 0;
    for (Form form : forms) {
      MemorySegment target = slab.segment().asSlice(offset, bytes(form));
      made.put(form, target);
      offset += Bytes.align(target.byteSize(), SlabAllocator.ALIGNMENT);
    }
    fill(made);
    places.putAll(made);
  }

  private void fill(Map<Form, MemorySegment> targets) {
    List<Runnable> pieces = new ArrayList<>();
    Map<Form, MemorySegment> throughFloats = new LinkedHashMap<>();
    targets.forEach((form, target) -> {
      Form floats = new Form(Region.PARAMETERS, form.name());
      if (form.region() == Region.PARAMETERS) {
        pieces.addAll(source.copy(form.name(), target));
      } else if (fits(floats)) {
        pieces.addAll(Rounding.pieces(parameter(form), source.segment(form.name()), target));
      } else if (places.containsKey(floats)) {
        pieces.addAll(Rounding.pieces(parameter(form), segment(floats), target));
      } else {
        throughFloats.put(form, target);
      }
    });
    ParallelTasks.run(pieces, threads);
    roundThroughFloats(throughFloats);
  }

  /** One after the other, so that there never are the floats of more than one. */
  private void roundThroughFloats(Map<Form, MemorySegment> targets) {
    long most =
        targets.values().stream().mapToLong(target -> 2 * target.byteSize()).max().orElse(0);
    if (most == 0) {
      return;
    }
    try (Slab floats = allocator.allocate("weights of " + owner + " to be rounded", most)) {
      targets.forEach((form, target) -> {
        MemorySegment whole = floats.segment().asSlice(0, 2 * target.byteSize());
        ParallelTasks.run(source.copy(form.name(), whole), threads);
        ParallelTasks.run(Rounding.pieces(parameter(form), whole, target), threads);
      });
    }
  }

  private long bytes(Form form) {
    Shape shape = parameter(form).shape();
    return shape.elements() * form.region().dtype().bytes();
  }

  /** Copies all weights as F32 to a region in the layout. */
  void copyTo(MemorySegment parameters) {
    List<Runnable> pieces = new ArrayList<>();
    for (Parameter parameter : layout.parameters()) {
      MemorySegment target =
          parameters.asSlice(
              layout.offset(parameter.name()) * Float.BYTES,
              parameter.shape().elements() * Float.BYTES);
      pieces.addAll(source.copy(parameter.name(), target));
    }
    ParallelTasks.run(pieces, threads);
  }

  @Override
  public void close() {
    converted.forEach(Slab::close);
    places.clear();
    source.close();
  }
}
