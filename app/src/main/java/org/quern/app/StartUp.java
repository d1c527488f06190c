package org.quern.app;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;
import org.quern.Engine;
import org.quern.Model;
import org.quern.model.Gpt2Config;
import org.quern.text.BpeTrainer;
import org.quern.text.Tokenizer;

/**
 * Does once what commands do at their start, so that Java can keep the classes that this loads in
 * an ahead-of-time cache: the script {@code quern} runs it with {@code -XX:AOTCacheOutput}. Prints
 * nothing and leaves nothing behind.
 */
public final class StartUp {
  private static final String TEXT = "The mill turns and grinds the corn so fine.\n";
  private static final int TOKENS = 300;

  private StartUp() {}

  /** Makes a tiny model in a temporary folder and writes with it. */
  public static void main(String[] arguments) throws IOException {
    Path folder = Files.createTempDirectory("quern-start-up");
    try {
      Path model = folder.resolve("model");
      save(model);
      execute("--version");
      execute("generate", model.toString(), "The mill", "--max-tokens", "5");
    } finally {
      delete(folder);
    }
  }

  private static void save(Path folder) {
    BpeTrainer trainer = new BpeTrainer(TOKENS);
    trainer.add(TEXT);
    try (Tokenizer tokenizer = trainer.train();
        Engine engine = Engine.open();
        Model model = engine.create(Gpt2Config.of(TOKENS, 64, 32, 2, 2), tokenizer, 1)) {
      model.save(folder);
    }
  }

  private static void execute(String... arguments) {
    int code =
        Main.run(
            new PrintWriter(Writer.nullWriter()), new PrintWriter(Writer.nullWriter()), arguments);
    if (code != 0) {
      throw new AppException(
          "The command " + String.join(" ", arguments) + " ended with " + code + ".");
    }
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
