package org.quern.app;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.quern.format.ConfigJson;
import org.quern.train.JsonLog;

/**
 * What a training leaves: {@code run.json} (how it was begun), {@code tokens.bin} and {@code
 * tokenizer} (what it was trained on), {@code log.jsonl}, {@code checkpoint-N}, {@code model} and
 * {@code loss.png}.
 *
 * @param path the folder
 * @param made whether it was not there before
 */
record RunFolder(Path path, boolean made) {
  private static final String RUN = "run.json";
  private static final String LAST = "last";

  /** What a run has made before its first checkpoint. */
  private static final Set<String> NOTHING_LEARNED =
      Set.of(RUN, "tokens.bin", "tokenizer", JsonLog.FILE, ".lock");

  static RunFolder create(@Nullable Path wanted) {
    Path path = wanted;
    if (path == null) {
      String time = LocalDateTime.now().format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss"));
      path = Path.of("runs", time);
    }
    boolean made = !Files.exists(path);
    try {
      Files.createDirectories(path);
      if (!namesIn(path).isEmpty()) {
        throw new AppException(
            "The folder "
                + path
                + " is not empty; choose another with --out"
                + (Files.exists(path.resolve(RUN))
                    ? ", or go on with the run in it by --resume " + path + "."
                    : "."));
      }
      if (!Files.isWritable(path)) {
        throw new AppException(
            "The folder " + path + " cannot be written to; choose another with --out.");
      }
    } catch (FileAlreadyExistsException e) {
      throw new AppException(path + " is a file; choose a folder with --out.");
    } catch (IOException e) {
      throw new AppException(
          "The folder "
              + path
              + " cannot be written ("
              + reason(e)
              + "); choose another with --out.");
    }
    return new RunFolder(path, made);
  }

  static RunFolder open(Path path) {
    if (!Files.exists(path.resolve(RUN))) {
      throw new AppException(
          path + " is not the folder of a run: it has no " + RUN + "; give one that train made.");
    }
    return new RunFolder(path, false);
  }

  void begin(List<String> arguments, long steps) {
    ConfigJson.write(
        path.resolve(RUN),
        Map.of("quern", Version.number(), "arguments", arguments, "steps", steps));
  }

  /** Lets {@code last} beside this folder lead to it, where the file system knows links. */
  void linkAsLast() {
    Path link = path.resolveSibling(LAST);
    try {
      if (Files.isSymbolicLink(link) || !Files.exists(link)) {
        Files.deleteIfExists(link);
        Files.createSymbolicLink(link, path.getFileName());
      }
    } catch (IOException | UnsupportedOperationException e) {
      // A convenience: the run is told by its own name anyway.
      return;
    }
  }

  List<String> arguments() {
    return ConfigJson.read(path.resolve(RUN)).strings("arguments");
  }

  long steps() {
    return ConfigJson.read(path.resolve(RUN)).requireLong("steps", 1, Long.MAX_VALUE);
  }

  /** What to throw if the run was begun with something that cannot be. */
  AppException damaged(String why) {
    return new AppException(
        "The arguments in " + path.resolve(RUN) + " cannot be used: " + why + ".");
  }

  /** Removes what a run has made that failed before it learned anything. */
  void discardUnlessTrained() {
    try {
      if (NOTHING_LEARNED.containsAll(namesIn(path))
          && (!Files.exists(log()) || Files.size(log()) == 0)) {
        try (Stream<Path> found = Files.walk(path)) {
          for (Path each : found.sorted(Comparator.reverseOrder()).toList()) {
            if (made || !each.equals(path)) {
              Files.delete(each);
            }
          }
        }
      }
    } catch (IOException e) {
      // What made the run fail is what matters, and is told.
      return;
    }
  }

  private static Set<String> namesIn(Path folder) throws IOException {
    try (Stream<Path> inside = Files.list(folder)) {
      return inside.map(each -> each.getFileName().toString()).collect(Collectors.toSet());
    }
  }

  private static String reason(IOException failed) {
    return failed instanceof AccessDeniedException
        ? "no permission"
        : String.valueOf(failed.getMessage());
  }

  Path tokens() {
    return path.resolve("tokens.bin");
  }

  Path tokenizer() {
    return path.resolve("tokenizer");
  }

  Path model() {
    return path.resolve(ModelPath.MODEL);
  }

  Path log() {
    return path.resolve(JsonLog.FILE);
  }

  Path picture() {
    return path.resolve("loss.png");
  }
}
