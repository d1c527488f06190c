package org.quern;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.quern.exec.Backend;
import org.quern.exec.CpuBackend;
import org.quern.exec.ModelMemory;
import org.quern.exec.WeightSource;
import org.quern.ir.ParameterLayout;
import org.quern.ir.WeightForm;
import org.quern.memory.AvailableMemory;
import org.quern.memory.SlabAllocator;
import org.quern.model.CausalLanguageModel;
import org.quern.model.ModelConfig;
import org.quern.profile.Profiler;
import org.quern.profile.Roofline;
import org.quern.text.Tokenizer;

/**
 * Kernels, threads and memory: what models run on. Closing it ends what runs and closes its models.
 * Thread-safe; runs wait for each other.
 *
 * <pre>{@code
 * try (Engine engine = Engine.open();
 *     Model model = engine.load(Path.of("model"))) {
 *   System.out.println(model.generate("Once upon a time"));
 * }
 * }</pre>
 */
public final class Engine implements AutoCloseable {
  private final SlabAllocator allocator;
  private final Backend backend;
  private final EngineDescription description;
  private final boolean mapWeights;
  private final Set<Model> models = new LinkedHashSet<>();
  private boolean closed;

  private Engine(EngineOptions options) {
    long budget = options.memoryBudget().orElseGet(AvailableMemory::bytes);
    int threads = options.threads().orElseGet(() -> Runtime.getRuntime().availableProcessors());
    // Before a backend is chosen: a wrong number is no reason to fall back to another.
    CpuBackend.requireThreads(threads);
    allocator = new SlabAllocator(budget);
    mapWeights = options.mapWeights();
    BackendSelection selection = new BackendSelection(options, threads, allocator);
    backend = selection.open();
    List<String> reasons = new ArrayList<>(selection.reasons());
    reasons.add(
        options.threads().isPresent()
            ? "The number of threads was asked for."
            : "The threads are the processors that this process may use; set QUERN_THREADS to"
                + " change that.");
    String text = backend.description();
    int comma = text.indexOf(',');
    String tier = comma < 0 ? text : text.substring(0, comma);
    description =
        new EngineDescription(
            backend.name(),
            tier,
            backend.precision().text(),
            selection.precisionReason(),
            threads,
            budget,
            reasons);
  }

  /** An engine with the best backend there is and the settings of properties and environment. */
  public static Engine open() {
    return open(EngineOptions.defaults());
  }

  /**
   * An engine as asked for.
   *
   * @throws EngineException if it cannot be had: says why and what to do
   */
  public static Engine open(EngineOptions options) {
    return new Engine(options);
  }

  /** What was chosen and why. */
  public EngineDescription describe() {
    return description;
  }

  /** Where this engine's programs run; for linking programs of one's own. */
  public Backend backend() {
    return backend;
  }

  /**
   * Times every record of every program that runs from now on, until the profiler is closed.
   *
   * @throws org.quern.exec.ExecutionException if that is being done already
   */
  public Profiler profile() {
    return backend.profile();
  }

  /**
   * Measures what this machine does at most, in a second or less; takes some memory meanwhile.
   *
   * @throws org.quern.memory.MemoryException if there is none
   */
  public Roofline measureRoofline() {
    return backend.measureRoofline();
  }

  /**
   * A model from a folder in Hugging Face's form: {@code config.json}, {@code model.safetensors}
   * (or shards with an index), and {@code tokenizer.json} if there is one.
   *
   * @throws org.quern.format.FormatException if a file is missing, damaged or contradictory
   */
  public Model load(Path folder) {
    checkOpen();
    return loadOrClose(ModelFolder.read(folder));
  }

  /**
   * A model from a folder that is read already, or is being read.
   *
   * @throws org.quern.format.FormatException if a file is missing, damaged or contradictory
   * @throws EngineException if a model was loaded from it before
   */
  public Model load(ModelReading reading) {
    checkOpen();
    return loadOrClose(reading.take());
  }

  private Model loadOrClose(ModelFolder source) {
    try {
      return load(source);
    } catch (RuntimeException e) {
      source.close();
      // If the engine was closed meanwhile, that is what went wrong.
      checkOpen();
      throw e;
    }
  }

  private Model load(ModelFolder source) {
    CausalLanguageModel architecture = CausalLanguageModel.of(source.config());
    ParameterLayout layout = architecture.layout();
    WeightSource files = source.weights(layout);
    ModelMemory memory = backend.allocate(source.folder().toString(), layout, files);
    try {
      if (!mapWeights) {
        memory = copied(memory, files, source.folder().toString(), layout);
      }
      return register(
          new Model(this, architecture, memory, source.tokenizer(), true, source.endOfText()));
    } catch (RuntimeException e) {
      memory.close();
      throw e;
    }
  }

  /** The model's memory without its files: their weights are floats in it, or are held as BF16. */
  private ModelMemory copied(
      ModelMemory mapped, WeightSource files, String owner, ParameterLayout layout) {
    if (backend.weightForm(mapped) == WeightForm.F32) {
      mapped.copyWeights();
      return mapped;
    }
    HeldWeights copy = HeldWeights.copyOf(files, allocator, owner, layout, backend.threads());
    mapped.close();
    return backend.allocate(owner, layout, copy);
  }

  /**
   * A new model with random weights.
   *
   * @param config its sizes
   * @param tokenizer its tokens; the model does not close it
   * @param seed decides the weights
   */
  public Model create(ModelConfig config, Tokenizer tokenizer, long seed) {
    CausalLanguageModel architecture = architecture(config, tokenizer);
    ModelMemory memory = backend.allocate(newModel(config), architecture.layout());
    try {
      Initialization.fill(memory, seed, backend.threads());
      return created(architecture, memory, tokenizer);
    } catch (RuntimeException e) {
      memory.close();
      checkOpen();
      throw e;
    }
  }

  /**
   * The same with its weights rounded to BF16 and kept in that, in half the memory: to measure what
   * a size of model can do. Training it begins with the rounded weights.
   *
   * @param config its sizes
   * @param tokenizer its tokens; the model does not close it
   * @param seed decides the weights
   */
  public Model createRounded(ModelConfig config, Tokenizer tokenizer, long seed) {
    CausalLanguageModel architecture = architecture(config, tokenizer);
    ParameterLayout layout = architecture.layout();
    String owner = newModel(config);
    HeldWeights weights = HeldWeights.initial(seed, allocator, owner, layout, backend.threads());
    ModelMemory memory = backend.allocate(owner, layout, weights);
    try {
      return created(architecture, memory, tokenizer);
    } catch (RuntimeException e) {
      memory.close();
      checkOpen();
      throw e;
    }
  }

  private static String newModel(ModelConfig config) {
    return "a new " + config.family();
  }

  private CausalLanguageModel architecture(ModelConfig config, Tokenizer tokenizer) {
    checkOpen();
    if (tokenizer.vocabularySize() > config.vocabularySize()) {
      throw new EngineException(
          "The tokenizer has "
              + tokenizer.vocabularySize()
              + " tokens, but the model only "
              + config.vocabularySize()
              + "; make its vocabulary at least as large.");
    }
    return CausalLanguageModel.of(config);
  }

  private Model created(CausalLanguageModel architecture, ModelMemory memory, Tokenizer tokenizer) {
    List<Integer> end = tokenizer.endOfText().stream().boxed().toList();
    return register(new Model(this, architecture, memory, Optional.of(tokenizer), false, end));
  }

  private synchronized Model register(Model model) {
    if (closed) {
      model.close();
      checkOpen();
    }
    models.add(model);
    return model;
  }

  synchronized void forget(Model model) {
    models.remove(model);
  }

  private synchronized void checkOpen() {
    if (closed) {
      throw new EngineException("The engine is closed; open another.");
    }
  }

  /** Ends what runs, then gives back threads and memory. A second call does nothing. */
  @Override
  public void close() {
    List<Model> open;
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      open = List.copyOf(models);
    }
    backend.close();
    open.forEach(Model::close);
    allocator.close();
  }
}
