package org.quern.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.quern.format.ConfigJson;
import org.quern.format.FormatException;

/**
 * A folder {@code checkpoint-<step>} with {@code model.safetensors} (the weights under Hugging
 * Face's names), {@code training.safetensors} (the optimizer's moments), {@code training.json}
 * (where the training is), what listeners have added, and {@code DONE}, which comes last and says
 * what the others' sizes and checksums are. Without it the folder counts for nothing.
 *
 * @param folder where it lies
 * @param step updates done
 */
public record Checkpoint(Path folder, long step) {
  static final String DONE = "DONE";
  private static final Pattern NAME = Pattern.compile("checkpoint-(\\d{1,18})");

  /** The complete checkpoints of a run, newest first. */
  public static List<Checkpoint> list(Path run) {
    return found(run).stream()
        .filter(checkpoint -> Files.exists(checkpoint.folder.resolve(DONE)))
        .toList();
  }

  /**
   * The newest checkpoint of a run that is not damaged.
   *
   * @param notice told of each damaged one, in a sentence
   */
  public static Optional<Checkpoint> newest(Path run, Consumer<String> notice) {
    for (Checkpoint checkpoint : list(run)) {
      Optional<String> damage = checkpoint.damage();
      if (damage.isEmpty()) {
        return Optional.of(checkpoint);
      }
      notice.accept(damage.get());
    }
    return Optional.empty();
  }

  /** All folders with a checkpoint's name, complete or not, newest first. */
  static List<Checkpoint> found(Path run) {
    if (!Files.isDirectory(run)) {
      return List.of();
    }
    List<Checkpoint> checkpoints = new ArrayList<>();
    try (Stream<Path> folders = Files.list(run)) {
      folders
          .filter(Files::isDirectory)
          .forEach(folder -> {
            Matcher name = NAME.matcher(folder.getFileName().toString());
            if (name.matches()) {
              checkpoints.add(new Checkpoint(folder, Long.parseLong(name.group(1))));
            }
          });
    } catch (IOException e) {
      throw new TrainingException(
          "The folder " + run + " cannot be read (" + RunFiles.reason(e) + "); check it.", e);
    }
    checkpoints.sort(Comparator.comparingLong(Checkpoint::step).reversed());
    return checkpoints;
  }

  static Path folder(Path run, long step) {
    return run.resolve("checkpoint-" + step);
  }

  /** Sizes and checksums of all files of a folder, for {@link #DONE}. */
  static Map<String, Object> contents(Path folder) throws IOException {
    Map<String, Object> files = new LinkedHashMap<>();
    for (Path file : RunFiles.filesIn(folder)) {
      files.put(
          folder.relativize(file).toString().replace('\\', '/'),
          Map.of("bytes", Files.size(file), "crc32c", RunFiles.checksum(file)));
    }
    return Map.of("files", files);
  }

  /** What is wrong with it, as a sentence, if anything is; reads all of it. */
  public Optional<String> damage() {
    String problem;
    try {
      problem = problem();
    } catch (FormatException e) {
      problem = "has a list of files that cannot be read";
    } catch (IOException e) {
      problem = "cannot be read (" + RunFiles.reason(e) + ")";
    }
    return problem.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "The checkpoint " + folder + " is damaged and left aside: it " + problem + ".");
  }

  private String problem() throws IOException {
    ConfigJson files = ConfigJson.read(folder.resolve(DONE)).requireObject("files");
    for (String name : files.keys()) {
      Path file = folder.resolve(name).normalize();
      if (!file.startsWith(folder.normalize()) || !Files.isRegularFile(file)) {
        return "has no file " + name;
      }
      ConfigJson expected = files.requireObject(name);
      long bytes = expected.requireLong("bytes", 0, Long.MAX_VALUE);
      if (Files.size(file) != bytes) {
        return "has " + Files.size(file) + " of the " + bytes + " bytes of " + name;
      }
      if (RunFiles.checksum(file) != expected.requireLong("crc32c", 0, Long.MAX_VALUE)) {
        return "has a file " + name + " that has changed since it was written";
      }
    }
    if (!files.has(CheckpointState.FILE)) {
      return "has no file " + CheckpointState.FILE;
    }
    return "";
  }
}
