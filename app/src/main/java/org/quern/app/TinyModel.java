package org.quern.app;

import java.nio.file.Path;
import org.quern.Engine;
import org.quern.Model;
import org.quern.ir.DType;
import org.quern.model.LlamaConfig;
import org.quern.text.BpeTrainer;
import org.quern.text.Tokenizer;

/**
 * Makes a tiny model of Llama's family, for the script {@code quern}: it has {@code generate} write
 * with it once, and Java keep the classes that this loads. All that is in such a cache is loaded at
 * every start, so what makes a model must not be; hence a program of its own.
 */
public final class TinyModel {
  private static final String TEXT = "The mill turns and grinds the corn so fine.\n";
  private static final int TOKENS = 300;

  private TinyModel() {}

  /** Makes the model in the folder given. */
  public static void main(String[] arguments) {
    BpeTrainer trainer = new BpeTrainer(TOKENS);
    trainer.add(TEXT);
    try (Tokenizer tokenizer = trainer.train();
        Engine engine = Engine.open();
        Model model = engine.create(LlamaConfig.of(TOKENS, 64, 32, 2, 2, 1, 64), tokenizer, 1)) {
      // As most models are; all that one of floats needs is used by it too.
      model.save(Path.of(arguments[0]), DType.BF16);
    }
  }
}
