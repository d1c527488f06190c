package org.quern.generate;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;
import org.quern.exec.Backend;
import org.quern.exec.CancelledException;
import org.quern.exec.Executable;
import org.quern.exec.ExecutionException;
import org.quern.exec.LinkedMemory;
import org.quern.exec.ModelMemory;
import org.quern.ir.Region;
import org.quern.ir.Value;
import org.quern.ir.WeightForm;
import org.quern.memory.Slab;
import org.quern.model.CausalLanguageModel;
import org.quern.model.LanguageModelGraphs;
import org.quern.model.Pass;
import org.quern.plan.Plan;

/**
 * Feeds tokens to a model and gives the logits of the next, the keys and values of past tokens
 * being kept in a {@link KvCache}. A prompt goes in by pieces of a few sizes, each with a program
 * of its own, the last of which may have fewer tokens than its program has room for; then a token
 * at a time. Feeding allocates nothing once a size has been used. Not thread-safe.
 */
public final class Decoder implements AutoCloseable {
  private static final int[] SIZES = PromptPieces.SIZES;

  private final Backend backend;
  private final CausalLanguageModel model;
  private final ModelMemory memory;
  private final int batch;
  private final int capacity;
  private final List<Executable> retired = new ArrayList<>();
  private final Slab cacheSlab;
  private final KvCache cache;
  private final int[] single = new int[1];
  private final MemorySegment[] ids = new MemorySegment[SIZES.length];
  private final @Nullable Executable[] bySize = new Executable[SIZES.length];
  private WeightForm form;
  private List<String> rounded;
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
    form = backend.weightForm(memory);
    Plan plan = plan(1);
    rounded = rounded(plan);
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
        LanguageModelGraphs.generation(model, batch, time, capacity, form, backend.precision()));
  }

  private static List<String> rounded(Plan plan) {
    return plan.graph().values().stream()
        .filter(value -> value.region() == Region.ROUNDED_PARAMETERS)
        .map(Value::name)
        .toList();
  }

  private Executable link(int index, Plan plan) {
    Executable program =
        backend.link(plan, new LinkedMemory(memory, Optional.of(cacheSlab), Optional.empty()));
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
    MemorySegment logits = MemorySegment.NULL;
    while (done < prompt.length) {
      int left = prompt.length - done;
      int index = PromptPieces.next(left, capacity - position, batch);
      int count = Math.min(left, SIZES[index]);
      logits = feed(index, prompt, done, count, 0);
      done += count;
    }
    return logits;
  }

  /**
   * Feeds one token to the only sequence.
   *
   * @return the logits of the next, as {@link #feed(int[])}
   */
  public MemorySegment feed(int id) {
    checkRoom(1);
    single[0] = id;
    return feed(SIZES.length - 1, single, 0, 1, 0);
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
    return feed(SIZES.length - 1, tokens, 0, 1, 1);
  }

  /**
   * Feeds a piece: the row r gets {@code count} tokens from {@code first + r * apart} on. Behind
   * them, up to the piece's size, stand tokens that no other sees, and whose place in the cache the
   * next ones take.
   */
  private MemorySegment feed(int index, int[] tokens, int first, int count, int apart) {
    memory.hold();
    try {
      Executable program = program(index);
      int size = SIZES[index];
      for (int row = 0; row < batch; row++) {
        for (int offset = 0; offset < size; offset++) {
          int id = offset < count ? tokens[first + row * apart + offset] : 0;
          ids[index].setAtIndex(JAVA_INT, (long) row * size + offset, id);
        }
      }
      if (size > 1) {
        MemorySegment rows = program.input(Pass.LAST_ROWS);
        for (int row = 0; row < batch; row++) {
          rows.setAtIndex(JAVA_INT, row, row * size + count - 1);
        }
      }
      run(program, count);
      return program.output(LanguageModelGraphs.LOGITS);
    } finally {
      memory.release();
    }
  }

  /** The program for a piece of this size, while nobody changes the weights. */
  private Executable program(int index) {
    if (form == WeightForm.BF16 && backend.weightForm(memory) != form) {
      // They have been changed, and are no longer BF16. Who cancels may have the old ones yet.
      for (int old = 0; old < SIZES.length; old++) {
        if (bySize[old] != null) {
          retired.add(bySize[old]);
          bySize[old] = null;
        }
      }
      form = backend.weightForm(memory);
      Plan plan = plan(1);
      rounded = rounded(plan);
      link(SIZES.length - 1, plan);
    }
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

  private void run(Executable program, int tokens) {
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
    position += tokens;
  }

  /**
   * Measures how fast the engine's threads together read the weights that a token is multiplied by,
   * without arithmetic: what writing tokens comes up against.
   *
   * @return bytes a second; empty if the weights are too few to tell
   */
  public OptionalDouble measureReading() {
    memory.hold();
    try {
      return program(SIZES.length - 1).measureReading();
    } finally {
      memory.release();
    }
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
    retired.forEach(Executable::close);
    cache.close();
    cacheSlab.close();
  }
}
