package org.quern.text;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A tokenizer's files as they are.
 *
 * @param file the {@code tokenizer.json}
 * @param content its bytes
 * @param configFile where {@code tokenizer_config.json} is, or would be
 * @param config its bytes, if there is one
 */
record TokenizerFiles(Path file, byte[] content, Path configFile, Optional<byte[]> config) {
  private static final long MOST_BYTES = 256L << 20;

  /**
   * Reads them.
   *
   * @param path the folder, or the {@code tokenizer.json} itself
   * @throws TokenizerException if one cannot be read, or is larger than any tokenizer
   */
  static TokenizerFiles of(Path path) {
    Path file = Files.isDirectory(path) ? path.resolve(TokenizerFolder.TOKENIZER) : path;
    Path configFile = file.resolveSibling(TokenizerFolder.CONFIG);
    byte[] content = read(file);
    return new TokenizerFiles(
        file,
        content,
        configFile,
        Files.isRegularFile(configFile) ? Optional.of(read(configFile)) : Optional.empty());
  }

  private static byte[] read(Path file) {
    try {
      if (Files.size(file) > MOST_BYTES) {
        throw new TokenizerException(
            file + " is larger than 256 MiB, which no tokenizer is; check the path.");
      }
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new TokenizerException(
          "Cannot read "
              + file
              + " ("
              + TokenizerFolder.reason(e)
              + "); give the folder of a model or its tokenizer.json.",
          e);
    }
  }
}
