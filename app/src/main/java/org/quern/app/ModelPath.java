package org.quern.app;

import java.nio.file.Files;
import java.nio.file.Path;
import org.quern.format.ConfigJson;
import org.quern.train.Checkpoint;

/**
 * Where a model's files are: a model's folder, or the one inside a training's run folder, or, of a
 * run that was interrupted, its newest checkpoint.
 */
final class ModelPath {
  /** The folder in a run folder that holds the model as Hugging Face's library reads it. */
  static final String MODEL = "model";

  private static final String CONFIG = "config.json";

  private ModelPath() {}

  static Path resolve(Path given) {
    if (Files.exists(given.resolve(CONFIG))) {
      return given;
    }
    Path inside = given.resolve(MODEL);
    return Files.isDirectory(inside)
        ? inside
        : Checkpoint.list(given).stream().findFirst().map(Checkpoint::folder).orElse(given);
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

  /** Tokens that a size, or the model in a folder, sees at most. */
  static int context(String model) {
    Presets preset = Presets.find(model);
    if (preset != null) {
      return preset.context;
    }
    ConfigJson config = ConfigJson.read(existing(model).resolve(CONFIG));
    return config
        .firstPresent("max_position_embeddings", "n_positions")
        .map(key -> config.requireInt(key, 1, Integer.MAX_VALUE))
        .orElse(Integer.MAX_VALUE);
  }
}
