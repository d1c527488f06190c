package org.quern.app;

import java.io.IOException;
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
  private static final String TOKENS = "tokens.bin";
  private static final String LOCK = ".lock";
  private static final Path RUNS = Path.of("runs");

  /** What a run has made before its first checkpoint. */
  private static final Set<String> NOTHING_LEARNED =
      Set.of(RUN, TOKENS, "tokenizer", JsonLog.FILE, LOCK);

  static RunFolder create(@Nullable Path wanted) {
    return wanted == null ? createByTime() : claimed(wanted);
  }

  /** Two that begin in the same second get two folders. */
  private static RunFolder createByTime() {
    String time = LocalDateTime.now().format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss"));
    Path path = RUNS.resolve(time);
    try {
      Files.createDirectories(RUNS);
    } catch (FileAlreadyExistsException e) {
      throw new AppException(RUNS + " is a file; choose a folder with --out.");
    } catch (IOException e) {
      throw unwritable(path, e);
    }
    for (int other = 2; !make(path); other++) {
      path = RUNS.resolve(time + "-" + other);
    }
    return new RunFolder(claimed(path).path(), true);
  }

  /** Whether we made it, rather than somebody before us. */
  private static boolean make(Path path) {
    try {
      Files.createDirectory(path);
      return true;
    } catch (FileAlreadyExistsException e) {
      return false;
    } catch (IOException e) {
      throw unwritable(path, e);
    }
  }

  private static RunFolder claimed(Path path) {
    boolean made = !Files.exists(path);
    try {
      Files.createDirectories(path);
      refuseUnlessEmpty(path);
      if (!Files.isWritable(path)) {
        throw new AppException(
            "The folder " + path + " cannot be written to; choose another with --out.");
      }
      claim(path);
    } catch (FileAlreadyExistsException e) {
      throw new AppException(path + " is a file; choose a folder with --out.");
    } catch (IOException e) {
      throw unwritable(path, e);
    }
    return new RunFolder(path, made);
  }

  private static AppException unwritable(Path path, IOException failed) {
    return new AppException(
        "The folder "
            + path
            + " cannot be written ("
            + Errors.reason(failed)
            + "); choose another with --out.");
  }

  /**
   * Makes the file that the trainer locks later, which only one process can: from now on the folder
   * is not empty, so that no other training begins there while the text is read.
   */
  private static void claim(Path path) throws IOException {
    try {
      Files.createFile(path.resolve(LOCK));
    } catch (FileAlreadyExistsException e) {
      throw new AppException(
          "Another training has just begun in " + path + "; choose another folder with --out.");
    }
  }

  private static void refuseUnlessEmpty(Path path) throws IOException {
    if (!namesIn(path).isEmpty()) {
      throw new AppException(
          "The folder "
              + path
              + " is not empty; choose another with --out"
              + (Files.exists(path.resolve(RUN))
                  ? ", or go on with the run in it by --resume " + path + "."
                  : "."));
    }
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
      if (namesIn(path).stream().allMatch(RunFolder::isBeginning)
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

  /**
   * Whether a run that has learned nothing has such a file; tokens have another name while they are
   * written.
   */
  private static boolean isBeginning(String name) {
    return NOTHING_LEARNED.contains(name) || (name.startsWith(TOKENS) && name.endsWith(".part"));
  }

  private static Set<String> namesIn(Path folder) throws IOException {
    try (Stream<Path> inside = Files.list(folder)) {
      return inside.map(each -> each.getFileName().toString()).collect(Collectors.toSet());
    }
  }

  Path tokens() {
    return path.resolve(TOKENS);
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
