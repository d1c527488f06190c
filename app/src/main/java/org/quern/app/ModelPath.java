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

  /** The folder of a model that a user named. */
  static Path existing(String model) {
    Path path = resolve(Path.of(model));
    if (!Files.isDirectory(path)) {
      throw new AppException(
          "There is no model "
              + model
              + "; choose one of "
              + Presets.list()
              + ", or the folder of a model.");
    }
    return path;
  }
}
