package org.quern.app;

import java.nio.file.Files;
import java.nio.file.Path;

/** Where a model's files are: a model's folder, or the one inside a training's run folder. */
final class ModelPath {
  /** The folder in a run folder that holds the model as Hugging Face's library reads it. */
  static final String MODEL = "model";

  private ModelPath() {}

  static Path resolve(Path given) {
    Path inside = given.resolve(MODEL);
    return !Files.exists(given.resolve("config.json")) && Files.isDirectory(inside)
        ? inside
        : given;
  }
}
