package org.quern.app;

import java.nio.file.Path;
import org.quern.Model;
import org.quern.train.TrainingListener;

/** Makes each checkpoint a model that can be loaded: adds {@code config.json} and tokenizer. */
final class ModelFiles implements TrainingListener {
  private final Model model;

  ModelFiles(Model model) {
    this.model = model;
  }

  @Override
  public void onSave(Path folder) {
    model.saveDescription(folder);
  }
}
