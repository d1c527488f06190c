package org.quern.generate;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.quern.exec.Backend;
import org.quern.exec.CancelledException;
import org.quern.exec.Executable;
import org.quern.exec.ExecutionException;
import org.quern.exec.LinkedMemory;
import org.quern.exec.ModelMemory;
import org.quern.ir.Region;
import org.quern.ir.Value;
import org.quern.memory.Slab;
import org.quern.model.CausalLanguageModel;
import org.quern.model.LanguageModelGraphs;
import org.quern.model.Pass;
import org.quern.plan.Plan;

/**
 * Feeds tokens to a model and gives the logits of the next, the keys and values of past tokens
 * being kept in a {@link KvCache}. A prompt goes in by pieces of a few sizes, each with a program
 * of its own; then a token at a time. Feeding allocates nothing once a size has been used. Not
 * thread-safe.
 */
public final class Decoder implements AutoCloseable {
  private static final int[] SIZES = {256, 64, 16, 4, 1};

  private final Backend backend;
  private final CausalLanguageModel model;
  private final ModelMemory memory;
  private final int batch;
  private final int capacity;
  private final List<String> rounded;
  private final Slab cacheSlab;
  private final KvCache cache;
  private final MemorySegment[] ids = new MemorySegment[SIZES.length];
  private final Executable[] bySize = new Executable[SIZES.length];
  private int position;
  private volatile boolean cancelled;
  private boolean closed;

  /**
   * A decoder with an empty cache.
   *
   * @param batch how many sequences go side by side, all of one length
   * @param capacity the most tokens of each
   * @throws org.quern.memory.MemoryException if there is too little memory for the cache
   */
  public Decoder(
      Backend backend, CausalLanguageModel model, ModelMemory memory, int batch, int capacity) {
    if (capacity > model.config().contextLength()) {
      throw new GenerationException(
          "A context of "
              + capacity
              + " tokens is too long for this model, which has "
              + model.config().contextLength()
              + "; choose a shorter one.");
    }
    this.backend = backend;
    this.model = model;
    this.memory = memory;
    this.batch = batch;
    this.capacity = capacity;
    Plan plan = plan(1);
    rounded =
        plan.graph().values().stream()
            .filter(value -> value.region() == Region.ROUNDED_PARAMETERS)
            .map(Value::name)
            .toList();
    cacheSlab = backend.memory().allocate("keys and values", Math.max(1, plan.bytes(Region.CACHE)));
    cache = new KvCache(plan, cacheSlab.segment(), backend.memory());
    try {
      link(SIZES.length - 1, plan);
    } catch (RuntimeException e) {
      cacheSlab.close();
      throw e;
    }
  }

  private Plan plan(int time) {
    return Plan.of(
        LanguageModelGraphs.generation(model, batch, time, capacity, backend.precision()));
  }

  private Executable link(int index, Plan plan) {
    Executable program =
        backend.link(plan, new LinkedMemory(memory, Optional.of(cacheSlab), Optional.empty()));
    int time = SIZES[index];
    if (time > 1) {
      MemorySegment rows = program.input(LanguageModelGraphs.LAST_ROWS);
      for (int row = 0; row < batch; row++) {
        rows.setAtIndex(JAVA_INT, row, row * time + time - 1);
      }
    }
    bySize[index] = program;
    ids[index] = program.input(Pass.IDS);
    return program;
  }

  /** Tokens of each sequence that are in the cache. */
  public int position() {
    return position;
  }

  /** The most tokens of each sequence. */
  public int capacity() {
    return capacity;
  }

  /** How many sequences go side by side. */
  public int batch() {
    return batch;
  }

  /** The keys and values of past tokens. */
  public KvCache cache() {
    return cache;
  }

  /** Forgets all but the first {@code length} tokens. */
  public void truncate(int length) {
    if (length < 0 || length > position) {
      throw new GenerationException(
          "The cache holds " + position + " tokens; it cannot be cut to " + length + ".");
    }
    position = length;
  }

  /** Ends the run in progress and every later one; any thread may. */
  public void cancel() {
    cancelled = true;
    for (Executable program : bySize) {
      if (program != null) {
        program.step().cancel();
      }
    }
  }

  /** Whether {@link #cancel} was called. */
  public boolean isCancelled() {
    return cancelled;
  }

  /**
   * Feeds the same tokens to every sequence.
   *
   * @return the logits of the next token: F32 {@code [batch, vocabulary]}, valid until the next
   *     call
   * @throws GenerationException if there are none, or more than the cache has room for
   */
  public MemorySegment feed(int[] prompt) {
    if (prompt.length == 0) {
      throw new GenerationException("The prompt has no tokens; give at least one.");
    }
    checkRoom(prompt.length);
    int done = 0;
    Executable program = bySize[SIZES.length - 1];
    for (int index = 0; index < SIZES.length; index++) {
      int size = SIZES[index];
      while (prompt.length - done >= size) {
        program = program(index);
        for (int row = 0; row < batch; row++) {
          for (int offset = 0; offset < size; offset++) {
            ids[index].setAtIndex(JAVA_INT, (long) row * size + offset, prompt[done + offset]);
          }
        }
        run(program, size);
        done += size;
      }
    }
    return program.output(LanguageModelGraphs.LOGITS);
  }

  /**
   * Feeds one token to the only sequence.
   *
   * @return the logits of the next, as {@link #feed(int[])}
   */
  public MemorySegment feed(int id) {
    checkRoom(1);
    int index = SIZES.length - 1;
    for (int row = 0; row < batch; row++) {
      ids[index].setAtIndex(JAVA_INT, row, id);
    }
    run(bySize[index], 1);
    return bySize[index].output(LanguageModelGraphs.LOGITS);
  }

  /**
   * Feeds one token to each sequence.
   *
   * @param tokens one for each
   * @return the logits of the next, as {@link #feed(int[])}
   */
  public MemorySegment feedEach(int[] tokens) {
    if (tokens.length != batch) {
      throw new GenerationException(
          "There are "
              + tokens.length
              + " tokens for "
              + batch
              + " sequences; give one token for each.");
    }
    checkRoom(1);
    int index = SIZES.length - 1;
    for (int row = 0; row < batch; row++) {
      ids[index].setAtIndex(JAVA_INT, row, tokens[row]);
    }
    run(bySize[index], 1);
    return bySize[index].output(LanguageModelGraphs.LOGITS);
  }

  private Executable program(int index) {
    Executable program = bySize[index];
    return program == null ? link(index, plan(SIZES[index])) : program;
  }

  private void checkRoom(int tokens) {
    if (closed) {
      throw new GenerationException("The decoder is closed; make another.");
    }
    if (!memory.isOpen()) {
      throw new ExecutionException("The model is closed; load or create it again.");
    }
    if (tokens > capacity - position) {
      throw new GenerationException(
          "The context holds "
              + capacity
              + " tokens and "
              + position
              + " are taken; "
              + tokens
              + " more do not fit. Shorten the prompt or generate fewer tokens.");
    }
  }

  private void run(Executable program, int time) {
    if (cancelled) {
      throw new CancelledException("The generation was cancelled.");
    }
    MemorySegment starts = program.input(Pass.STARTS);
    for (int row = 0; row < batch; row++) {
      starts.setAtIndex(JAVA_INT, row, position);
    }
    if (!rounded.isEmpty()) {
      memory.roundParameters(rounded);
    }
    program.run();
    position += time;
  }

  /** Gives programs and cache back. A second call does nothing. */
  @Override
  public void close() {
    closed = true;
    for (Executable program : bySize) {
      if (program != null) {
        program.close();
      }
    }
    cache.close();
    cacheSlab.close();
  }
}
