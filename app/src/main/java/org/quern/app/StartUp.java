package org.quern.app;

import java.nio.file.Path;
import org.quern.Engine;
import org.quern.Model;
import org.quern.model.Gpt2Config;
import org.quern.text.BpeTrainer;
import org.quern.text.Tokenizer;

/**
 * Makes a tiny model. The script {@code quern} then has it written with once, by a Java that keeps
 * the classes that this loads in an ahead-of-time cache; those of making a model are not among
 * them, since all that is in a cache is loaded at every start.
 */
public final class StartUp {
  private static final String TEXT = "The mill turns and grinds the corn so fine.\n";
  private static final int TOKENS = 300;

  private StartUp() {}

  /** Makes the model in the folder given. */
  public static void main(String[] arguments) {
    BpeTrainer trainer = new BpeTrainer(TOKENS);
    trainer.add(TEXT);
    try (Tokenizer tokenizer = trainer.train();
        Engine engine = Engine.open();
        Model model = engine.create(Gpt2Config.of(TOKENS, 64, 32, 2, 2), tokenizer, 1)) {
      model.save(Path.of(arguments[0]));
    }
  }
}
