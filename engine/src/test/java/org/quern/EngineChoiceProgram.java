package org.quern;

import org.quern.generate.GenerationOptions;
import org.quern.model.Gpt2Config;
import org.quern.text.CharacterTokenizer;

/** Opens an engine by the settings of the process, writes a little, and says what was chosen. */
final class EngineChoiceProgram {
  private EngineChoiceProgram() {}

  public static void main(String[] arguments) {
    CharacterTokenizer tokenizer = CharacterTokenizer.of("abcdefg");
    try (Engine engine = Engine.open();
        Model model =
            engine.create(Gpt2Config.of(tokenizer.vocabularySize(), 16, 16, 1, 2), tokenizer, 1)) {
      int tokens = model.generate("abc", GenerationOptions.greedy(5)).ids().size();
      EngineDescription description = engine.describe();
      System.out.printf(
          "%s %s %d %d wrote %d%n%s%n",
          description.backend(),
          description.tier(),
          description.threads(),
          description.memoryBudget(),
          tokens,
          description.summary());
    } catch (RuntimeException e) {
      // Whatever it is, its message is what is tested.
      System.out.printf("%s: %s%n", e.getClass().getSimpleName(), e.getMessage());
    }
  }
}
