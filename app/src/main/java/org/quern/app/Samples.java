package org.quern.app;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.quern.Model;
import org.quern.data.TokenSpan;
import org.quern.generate.GenerationOptions;
import org.quern.text.Tokenizer;

/** Texts that the model writes as it learns. */
final class Samples {
  private static final int PROMPT_TOKENS = 8;
  private static final int NEW_TOKENS = 60;
  private static final int LAST_TOKENS = 160;
  private static final int MOST_CHARACTERS = 400;

  private final Model model;
  private final TokenSpan text;
  private final Optional<String> prompt;
  private final long interval;

  Samples(Model model, TokenSpan text, @Nullable String prompt, long interval) {
    this.model = model;
    this.text = text;
    this.prompt = Optional.ofNullable(prompt);
    this.interval = interval;
  }

  /** Finds out before the training whether the given prompt can be continued. */
  void check() {
    int[] begin = start();
    if (prompt.isPresent() && room(begin) < 1) {
      throw new AppException(
          "The prompt of samples has "
              + begin.length
              + " tokens, but the model sees only "
              + model.config().contextLength()
              + " at once; shorten it.");
    }
  }

  boolean isDue(long step) {
    return interval > 0 && step % interval == 0;
  }

  /** A sample of a few lines. */
  String write(int tokens) {
    Tokenizer tokenizer = model.tokenizer().orElseThrow();
    int[] begin = start();
    int room = room(begin);
    String begun = prompt.orElseGet(() -> tokenizer.decode(begin));
    if (room < 1) {
      return begun;
    }
    GenerationOptions options =
        GenerationOptions.sampling(Math.min(tokens, room), 0.8f, 42).withTopP(0.95f);
    return begun + model.generate(begin, options, piece -> true).text();
  }

  private int[] start() {
    Tokenizer tokenizer = model.tokenizer().orElseThrow();
    return prompt.map(tokenizer::encode).orElseGet(this::firstTokens);
  }

  private int room(int[] begin) {
    return model.config().contextLength() - begin.length;
  }

  private int[] firstTokens() {
    int half = Math.max(1, model.config().contextLength() / 2);
    int count = (int) Math.min(Math.min(PROMPT_TOKENS, half), text.count());
    int[] ids = new int[count];
    for (int index = 0; index < count; index++) {
      ids[index] = text.get(index);
    }
    return ids;
  }

  String brief() {
    String sample = write(NEW_TOKENS);
    return sample.length() > MOST_CHARACTERS
        ? sample.substring(
            0, sample.offsetByCodePoints(0, sample.codePointCount(0, MOST_CHARACTERS) - 1))
        : sample;
  }

  void last(Console console) {
    console.say("");
    console.say("A sample:");
    console.say(write(LAST_TOKENS).indent(2).stripTrailing());
  }
}
