package org.quern;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.quern.data.BatchSource;
import org.quern.exec.Backend;
import org.quern.exec.ExecutionException;
import org.quern.exec.ModelMemory;
import org.quern.generate.Decoder;
import org.quern.generate.Generation;
import org.quern.generate.GenerationException;
import org.quern.generate.GenerationOptions;
import org.quern.generate.TextGenerator;
import org.quern.ir.DType;
import org.quern.model.CausalLanguageModel;
import org.quern.model.ModelConfig;
import org.quern.text.Tokenizer;
import org.quern.text.TokenizerException;
import org.quern.train.Trainer;
import org.quern.train.TrainingListener;
import org.quern.train.TrainingOptions;
import org.quern.train.TrainingResult;

/**
 * A language model on an engine: its weights, and what can be done with them. Thread-safe; runs
 * wait for each other. Close it to give its memory back.
 */
public final class Model implements AutoCloseable {
  private final Engine engine;
  private final CausalLanguageModel architecture;
  private final ModelMemory memory;
  private final Optional<Tokenizer> tokenizer;
  private final boolean ownsTokenizer;
  private final List<Integer> endOfText;
  private final AtomicReference<@Nullable Decoder> idle = new AtomicReference<>();

  Model(
      Engine engine,
      CausalLanguageModel architecture,
      ModelMemory memory,
      Optional<Tokenizer> tokenizer,
      boolean ownsTokenizer,
      List<Integer> endOfText) {
    this.engine = engine;
    this.architecture = architecture;
    this.memory = memory;
    this.tokenizer = tokenizer;
    this.ownsTokenizer = ownsTokenizer;
    this.endOfText = List.copyOf(endOfText);
  }

  /** The sizes. */
  public ModelConfig config() {
    return architecture.config();
  }

  /** The architecture: for graphs of one's own and for training. */
  public CausalLanguageModel architecture() {
    return architecture;
  }

  /** The weights: for reading and changing them, and for training. */
  public ModelMemory memory() {
    return memory;
  }

  /** Where the model runs. */
  public Backend backend() {
    return engine.backend();
  }

  /** The tokens, if the model's folder has them; those of a folder are closed with the model. */
  public Optional<Tokenizer> tokenizer() {
    return tokenizer;
  }

  /** The tokens after which generation ends. */
  public List<Integer> endOfText() {
    return endOfText;
  }

  /** Continues a prompt greedily by up to 100 tokens and returns the new text. */
  public String generate(String prompt) {
    return generate(prompt, GenerationOptions.greedy(100)).text();
  }

  /** Continues a prompt. */
  public Generation generate(String prompt, GenerationOptions options) {
    return generate(prompt, options, piece -> true);
  }

  /**
   * Continues a prompt, with the text as it comes.
   *
   * @param listener gets pieces of text, never part of a character, and answers whether to go on
   * @throws GenerationException if the prompt is empty or too long
   */
  public Generation generate(String prompt, GenerationOptions options, Predicate<String> listener) {
    Tokenizer tokens =
        tokenizer.orElseThrow(() ->
            new GenerationException(
                "The model has no tokenizer.json, so it cannot take text; give token ids."));
    return generate(tokens.encode(prompt), options, listener);
  }

  /** Continues a prompt that is given as token ids. */
  public Generation generate(int[] prompt, GenerationOptions options, Predicate<String> listener) {
    int context = config().contextLength();
    if (prompt.length >= context) {
      throw new GenerationException(
          "The prompt has "
              + prompt.length
              + " tokens, but the model's context ends at "
              + context
              + "; shorten the prompt.");
    }
    for (int id : prompt) {
      if (id < 0 || id >= config().vocabularySize()) {
        throw new GenerationException(
            "The prompt has the token "
                + id
                + ", but the model's tokens are 0 to "
                + (config().vocabularySize() - 1)
                + ".");
      }
    }
    long wanted = Math.min(context, (long) prompt.length + options.maxNewTokens());
    try {
      return generate(prompt, (int) wanted, options, listener);
    } catch (IllegalStateException | TokenizerException e) {
      if (memory.isOpen()) {
        throw e;
      }
      // Memory that goes away between two runs says only that it is closed.
      throw new ExecutionException("The model was closed while it wrote; load or create it again.");
    }
  }

  private Generation generate(
      int[] prompt, int capacity, GenerationOptions options, Predicate<String> listener) {
    Decoder decoder = decoder(options.beams(), capacity);
    try {
      return new TextGenerator(decoder, tokenizer, config().vocabularySize(), options, endOfText)
          .generate(prompt, listener);
    } finally {
      giveBack(decoder);
    }
  }

  /** A decoder that is at hand and fits, or a new one with some room to spare. */
  private Decoder decoder(int batch, int capacity) {
    Decoder kept = idle.getAndSet(null);
    if (kept != null) {
      if (kept.batch() == batch && kept.capacity() >= capacity) {
        kept.truncate(0);
        return kept;
      }
      kept.close();
    }
    int rounded = Math.min(config().contextLength(), Math.max(256, (capacity + 255) & -256));
    return new Decoder(backend(), architecture, memory, batch, Math.max(rounded, capacity));
  }

  private void giveBack(Decoder decoder) {
    if (decoder.isCancelled() || !memory.isOpen() || !idle.compareAndSet(null, decoder)) {
      decoder.close();
    } else if (!memory.isOpen()) {
      closeIdle();
    }
  }

  /**
   * A trainer of this model, not yet started. Its checkpoints are folders that {@link Engine#load}
   * reads.
   *
   * @param source what is trained on; it decides batch and time
   * @param validation held-out text, if there is any
   */
  public Trainer trainer(
      BatchSource source,
      Optional<BatchSource> validation,
      TrainingOptions options,
      TrainingListener listener) {
    TrainingListener saver =
        new TrainingListener() {
          @Override
          public void onSave(Path folder) {
            saveDescription(folder);
          }
        };
    return new Trainer(
        backend(),
        architecture,
        memory,
        source,
        validation,
        options,
        TrainingListener.all(saver, listener));
  }

  /**
   * Trains this model to the end of the options' steps.
   *
   * @param source what is trained on; it decides batch and time
   */
  public TrainingResult train(BatchSource source, TrainingOptions options) {
    try (Trainer trainer = trainer(source, Optional.empty(), options, TrainingListener.NONE)) {
      return trainer.train();
    }
  }

  /**
   * Writes the model as Hugging Face's library reads it: {@code config.json}, {@code
   * model.safetensors} in F32, {@code tokenizer.json}.
   *
   * @param folder made if need be
   */
  public void save(Path folder) {
    save(folder, DType.F32);
  }

  /** Writes the model with weights of another type: F32, F16 or BF16. */
  public void save(Path folder, DType type) {
    ModelFolder.write(folder, config(), tokenizer, endOfText, memory, type);
  }

  /** Writes all of the model but its weights: {@code config.json} and the tokenizer's files. */
  public void saveDescription(Path folder) {
    ModelFolder.writeDescription(folder, config(), tokenizer, endOfText, DType.F32);
  }

  /** Gives the memory back, after a run in progress. A second call does nothing. */
  @Override
  public void close() {
    memory.close();
    closeIdle();
    if (ownsTokenizer) {
      tokenizer.ifPresent(Tokenizer::close);
    }
    engine.forget(this);
  }

  private void closeIdle() {
    Decoder kept = idle.getAndSet(null);
    if (kept != null) {
      kept.close();
    }
  }
}
