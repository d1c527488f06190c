package org.quern.app;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Map;
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
 */
record RunFolder(Path path) {
  private static final String RUN = "run.json";

  static RunFolder create(@Nullable Path wanted) {
    Path path = wanted;
    if (path == null) {
      String time = LocalDateTime.now().format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss"));
      path = Path.of("runs", time);
    }
    try {
      Files.createDirectories(path);
      try (Stream<Path> inside = Files.list(path)) {
        if (inside.findAny().isPresent()) {
          throw new AppException(
              "The folder "
                  + path
                  + " is not empty; choose another with --out, or go on with the"
                  + " run in it by --resume "
                  + path
                  + ".");
        }
      }
    } catch (FileAlreadyExistsException e) {
      throw new AppException(path + " is a file; choose a folder with --out.");
    } catch (IOException e) {
      throw new AppException(
          "The folder "
              + path
              + " cannot be written ("
              + e.getMessage()
              + "); choose another with --out.");
    }
    return new RunFolder(path);
  }

  static RunFolder open(Path path) {
    if (!Files.exists(path.resolve(RUN))) {
      throw new AppException(
          path + " is not the folder of a run: it has no " + RUN + "; give one that train made.");
    }
    return new RunFolder(path);
  }

  void begin(List<String> arguments, long steps) {
    ConfigJson.write(
        path.resolve(RUN),
        Map.of("quern", Version.number(), "arguments", arguments, "steps", steps));
  }

  List<String> arguments() {
    return ConfigJson.read(path.resolve(RUN)).strings("arguments");
  }

  long steps() {
    return ConfigJson.read(path.resolve(RUN)).requireInt("steps", 1, Integer.MAX_VALUE);
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
