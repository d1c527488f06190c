package org.quern.app;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/** A folder with a file that every comparison and every run of the kernels adds a line to. */
final class History {
  private static final Path CPU = Path.of("/proc/cpuinfo");

  private final Path folder;

  /**
   * The history in this folder, which is made if there is none; fails now if it cannot be written
   * later.
   */
  History(Path folder) {
    try {
      this.folder = Files.createDirectories(folder);
    } catch (FileAlreadyExistsException e) {
      throw new AppException(folder + " is a file; choose a folder with --out.");
    } catch (IOException e) {
      throw new AppException(
          "The folder "
              + folder
              + " cannot be made ("
              + Errors.reason(e)
              + "); choose another with --out.");
    }
    write("");
  }

  Path folder() {
    return folder;
  }

  Path file() {
    return folder.resolve("history.jsonl");
  }

  /** A line's beginning: when, which version, on what. */
  static Map<String, Object> line() {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("time", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    line.put("quern", Version.number());
    line.put("java", Runtime.version().toString());
    line.put("processor", processor());
    line.put("processors", Runtime.getRuntime().availableProcessors());
    return line;
  }

  static String json(Map<String, Object> line) {
    return new JsonMapper().writeValueAsString(line);
  }

  private static String processor() {
    try {
      return Files.readAllLines(CPU).stream()
          .filter(line -> line.startsWith("model name"))
          .map(line -> line.replaceAll("^[^:]*:\\s*", ""))
          .findFirst()
          .orElse(System.getProperty("os.arch"));
    } catch (IOException | UncheckedIOException notLinux) {
      return System.getProperty("os.arch");
    }
  }

  /** Adds a line and returns the file. */
  Path append(String line) {
    return write(line + "\n");
  }

  private Path write(String text) {
    Path history = file();
    try {
      return Files.writeString(
          history,
          text,
          StandardCharsets.UTF_8,
          StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new AppException(
          "The history "
              + history
              + " cannot be written ("
              + Errors.reason(e)
              + "); choose another folder with --out.");
    }
  }
}
