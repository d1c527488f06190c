package org.quern.train;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.quern.exec.ModelMemory;
import org.quern.format.ConfigJson;
import org.quern.format.FormatException;
import org.quern.format.ModelWeights;
import org.quern.format.SafetensorsFile;
import org.quern.format.SafetensorsWriter;
import org.quern.format.TensorEntry;
import org.quern.ir.Parameter;
import org.quern.ir.Region;

/**
 * The checkpoints of one run, written so that a process killed or a machine switched off at any
 * moment leaves a complete one: all into a folder {@code checkpoint-<step>.partial}, everything to
 * the disk, then the name, then {@code DONE}, and only then older ones removed. Locked against
 * other processes while open.
 */
final class CheckpointStore implements AutoCloseable {
  static final String TRAINING = "training.safetensors";
  private static final String PARTIAL = ".partial";

  private final Path run;
  private final ModelMemory memory;
  private final List<Region> state;
  private final int kept;
  private final @Nullable FileChannel lock;

  /**
   * Opens a run's folder and removes what killed processes have left.
   *
   * @param state the optimizer's regions
   * @param kept how many checkpoints to keep
   */
  CheckpointStore(Path run, ModelMemory memory, List<Region> state, int kept) {
    this.run = run;
    this.memory = memory;
    this.state = state;
    this.kept = kept;
    try {
      Files.createDirectories(run);
      lock = lock(run);
    } catch (IOException e) {
      throw new TrainingException(
          "The folder "
              + run
              + " cannot be used ("
              + RunFiles.reason(e)
              + "); choose one that can be written to.",
          e);
    }
    try {
      removeLeftovers();
    } catch (IOException e) {
      close();
      throw new TrainingException(
          "What an interrupted training left in "
              + run
              + " cannot be removed ("
              + RunFiles.reason(e)
              + "); remove it by hand.",
          e);
    }
  }

  private static FileChannel lock(Path run) throws IOException {
    FileChannel channel =
        FileChannel.open(run.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      FileLock held = channel.tryLock();
      if (held != null) {
        return channel;
      }
    } catch (OverlappingFileLockException e) {
      // This very process has it: as good as another.
    }
    channel.close();
    throw new TrainingException(
        "Another training is running in " + run + "; wait for it or choose another folder.");
  }

  private void removeLeftovers() throws IOException {
    List<Path> partial;
    try (Stream<Path> found = Files.list(run)) {
      partial =
          found
              .filter(path -> path.getFileName().toString().matches("checkpoint-\\d+\\.partial"))
              .toList();
    }
    for (Path folder : partial) {
      RunFiles.deleteTree(folder);
    }
    for (Checkpoint checkpoint : Checkpoint.found(run)) {
      if (isLeftover(checkpoint.folder())) {
        RunFiles.deleteTree(checkpoint.folder());
      }
    }
  }

  /** Other programs name their folders so too; ours have this file before they have the name. */
  private static boolean isLeftover(Path folder) {
    return !Files.exists(folder.resolve(Checkpoint.DONE))
        && Files.exists(folder.resolve(CheckpointState.FILE));
  }

  /**
   * Writes a checkpoint.
   *
   * @param extras adds files of others to the folder
   */
  Checkpoint save(CheckpointState now, Consumer<Path> extras) {
    Path folder = Checkpoint.folder(run, now.step());
    Path partial = run.resolve(folder.getFileName() + PARTIAL);
    boolean written = false;
    try {
      RunFiles.deleteTree(partial);
      Files.createDirectory(partial);
      writeTensors(partial);
      now.write(partial);
      extras.accept(partial);
      RunFiles.syncTree(partial);
      Map<String, Object> contents = Checkpoint.contents(partial);
      makeRoom(folder);
      Files.move(partial, folder, StandardCopyOption.ATOMIC_MOVE);
      RunFiles.syncFolder(run);
      ConfigJson.write(folder.resolve(Checkpoint.DONE), contents);
      written = true;
    } catch (IOException e) {
      throw failure(now.step(), RunFiles.reason(e), e);
    } catch (FormatException e) {
      throw failure(now.step(), e.getMessage(), e);
    } finally {
      if (!written) {
        removeQuietly(partial);
        if (isLeftover(folder)) {
          removeQuietly(folder);
        }
      }
    }
    prune();
    return new Checkpoint(folder, now.step());
  }

  private TrainingException failure(long step, @Nullable String reason, Exception cause) {
    String why = reason == null ? cause.getClass().getSimpleName() : reason;
    String lower = why.toLowerCase(Locale.ROOT);
    boolean full = lower.contains("no space left") || lower.contains("disk is full");
    return new TrainingException(
        "The checkpoint of step "
            + step
            + " could not be written to "
            + run
            + ", and earlier ones are as they were: "
            + (full ? "the disk is full; free some of it." : why),
        cause);
  }

  /** A checkpoint of this name is a damaged one, from before which the training went on. */
  private void makeRoom(Path folder) throws IOException {
    if (Files.exists(folder)
        && !Files.exists(folder.resolve(Checkpoint.DONE))
        && !isLeftover(folder)) {
      throw new TrainingException(
          "The folder "
              + folder
              + " is there already and not a checkpoint of Quern; move it away or choose another"
              + " run folder.");
    }
    RunFiles.deleteTree(folder);
  }

  private void writeTensors(Path folder) {
    SafetensorsWriter writer = SafetensorsWriter.standard();
    List<SafetensorsWriter.Tensor> weights = new ArrayList<>();
    List<SafetensorsWriter.Tensor> moments = new ArrayList<>();
    for (Parameter parameter : memory.layout().parameters()) {
      String name = parameter.name();
      weights.add(
          SafetensorsWriter.Tensor.f32(
              name, parameter.shape(), memory.segment(Region.PARAMETERS, name)));
      for (Region region : state) {
        moments.add(
            SafetensorsWriter.Tensor.f32(
                prefix(region) + name, parameter.shape(), memory.segment(region, name)));
      }
    }
    writer.writeFile(folder.resolve(ModelWeights.SINGLE_FILE), weights);
    writer.withMetadata(Map.of()).writeFile(folder.resolve(TRAINING), moments);
  }

  private static String prefix(Region region) {
    return region == Region.FIRST_MOMENTS ? "first." : "second.";
  }

  private void prune() {
    List<Checkpoint> complete = Checkpoint.list(run);
    for (Checkpoint old : complete.subList(Math.min(kept, complete.size()), complete.size())) {
      Path gone = run.resolve(old.folder().getFileName() + PARTIAL);
      try {
        // Under this name a deletion that is cut off leaves nothing that looks like a checkpoint.
        Files.move(old.folder(), gone, StandardCopyOption.ATOMIC_MOVE);
        RunFiles.deleteTree(gone);
      } catch (IOException e) {
        throw new TrainingException(
            "The old checkpoint "
                + old.folder()
                + " cannot be removed ("
                + RunFiles.reason(e)
                + "); check the folder's permissions.",
            e);
      }
    }
  }

  // The failure that is being reported is the one that matters; leftovers go at the next start.
  private static void removeQuietly(Path folder) {
    try {
      RunFiles.deleteTree(folder);
    } catch (IOException e) {
      return;
    }
  }

  /**
   * Reads the newest checkpoint that is not damaged into the model's memory.
   *
   * @param wanted what a checkpoint of the present training would say
   * @return what it says, if there is one
   * @throws TrainingException if it does not fit the present training
   */
  Optional<CheckpointState> load(CheckpointState wanted, Consumer<String> notice) {
    Optional<Checkpoint> newest = Checkpoint.newest(run, notice);
    if (newest.isEmpty()) {
      return Optional.empty();
    }
    Path folder = newest.get().folder();
    CheckpointState saved = CheckpointState.read(folder);
    // Sizes before anything else: a model that is another makes all other differences idle.
    try (ModelWeights weights = SafetensorsFile.open(folder.resolve(ModelWeights.SINGLE_FILE))) {
      requireTensors(folder, weights, "", memory.layout().parameters().size());
      Optional<String> obstacle = saved.obstacle(wanted);
      if (obstacle.isPresent()) {
        throw doesNotFit(folder, obstacle.get());
      }
      try (ModelWeights moments = SafetensorsFile.open(folder.resolve(TRAINING))) {
        int count = state.size() * memory.layout().parameters().size();
        for (Region region : state) {
          requireTensors(folder, moments, prefix(region), count);
        }
        for (Parameter parameter : memory.layout().parameters()) {
          String name = parameter.name();
          weights.copyToF32(name, memory.segment(Region.PARAMETERS, name));
          for (Region region : state) {
            moments.copyToF32(prefix(region) + name, memory.segment(region, name));
          }
        }
      }
    }
    saved.difference(wanted).ifPresent(notice);
    return Optional.of(saved);
  }

  private void requireTensors(Path folder, ModelWeights weights, String prefix, int count) {
    for (Parameter parameter : memory.layout().parameters()) {
      TensorEntry entry = weights.tensors().get(prefix + parameter.name());
      if (entry == null) {
        throw doesNotFit(folder, "has no tensor " + prefix + parameter.name());
      }
      if (!entry.shape().equals(parameter.shape())) {
        throw doesNotFit(
            folder,
            "has a tensor "
                + prefix
                + parameter.name()
                + " of "
                + entry.shape()
                + " where the model has "
                + parameter.shape());
      }
    }
    if (weights.tensors().size() != count) {
      throw doesNotFit(
          folder, "has " + weights.tensors().size() + " tensors where the model has " + count);
    }
  }

  private static TrainingException doesNotFit(Path folder, String what) {
    return new TrainingException(
        "The checkpoint "
            + folder
            + " "
            + what
            + "; resume with what it was written with, or train in another folder.");
  }

  /** Gives the lock back. A second call does nothing. */
  @Override
  public void close() {
    try {
      if (lock != null) {
        lock.close();
      }
    } catch (IOException e) {
      // The system releases the lock with the process at the latest.
      return;
    }
  }
}
