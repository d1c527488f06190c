package org.quern;

import java.nio.file.Path;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A model's folder that is being read by a thread of its own, beside the engine that is being
 * opened meanwhile: the two take about as long as each other, and need nothing of each other.
 *
 * <pre>{@code
 * try (ModelReading reading = ModelReading.start(Path.of("model"));
 *     Engine engine = Engine.open();
 *     Model model = engine.load(reading)) {
 *   System.out.println(model.generate("Once upon a time"));
 * }
 * }</pre>
 */
public final class ModelReading implements AutoCloseable {
  private final FutureTask<ModelFolder> task;
  private final AtomicBoolean taken = new AtomicBoolean();

  private ModelReading(Path folder) {
    task = new FutureTask<>(() -> ModelFolder.read(folder));
  }

  /** Begins to read; whatever is wrong with the folder {@link Engine#load(ModelReading)} says. */
  public static ModelReading start(Path folder) {
    ModelReading reading = new ModelReading(folder);
    Thread.ofPlatform().daemon().name("quern-reading").start(reading.task);
    return reading;
  }

  /** What was read, which is the caller's to close from now on. */
  ModelFolder take() {
    if (!taken.compareAndSet(false, true)) {
      throw new EngineException(
          "The model was loaded already, or its reading closed; start another reading.");
    }
    await();
    if (task.state() == Future.State.SUCCESS) {
      return task.resultNow();
    }
    throw switch (task.exceptionNow()) {
      case RuntimeException e -> e;
      case Error e -> throw e;
      case Throwable e -> new EngineException("The model could not be read: " + e + ".");
    };
  }

  private void await() {
    boolean interrupted = false;
    while (!task.isDone()) {
      try {
        Object ignored = task.get();
      } catch (InterruptedException e) {
        interrupted = true;
      } catch (ExecutionException e) {
        // Who takes the result gets it.
        break;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Gives back what was read, unless a model was made of it. A second call does nothing. */
  @Override
  public void close() {
    if (taken.compareAndSet(false, true)) {
      await();
      if (task.state() == Future.State.SUCCESS) {
        task.resultNow().close();
      }
    }
  }
}
