package org.quern.generate;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import org.quern.exec.CancelledException;
import org.quern.text.StopWords;
import org.quern.text.StreamingDecoder;
import org.quern.text.Tokenizer;

/** From a prompt to text: feeds, samples, decodes, streams and stops. One generation each. */
public final class TextGenerator {
  private final Decoder decoder;
  private final Optional<Tokenizer> tokenizer;
  private final int vocabulary;
  private final GenerationOptions options;
  private final List<Integer> endOfText;
  private final List<Integer> ids = new ArrayList<>();
  private final StringBuilder text = new StringBuilder();

  /**
   * A generator.
   *
   * @param decoder with an empty cache
   * @param tokenizer for the text; without one only ids come out
   * @param vocabulary the model's number of tokens
   * @param endOfText the tokens after which the model ends
   */
  public TextGenerator(
      Decoder decoder,
      Optional<Tokenizer> tokenizer,
      int vocabulary,
      GenerationOptions options,
      List<Integer> endOfText) {
    this.decoder = decoder;
    this.tokenizer = tokenizer;
    this.vocabulary = vocabulary;
    this.options = options;
    this.endOfText = options.endAtEndOfText() ? endOfText : List.of();
  }

  /**
   * Continues a prompt.
   *
   * @param listener gets the text as it comes, never part of a character, and answers whether to go
   *     on
   */
  public Generation generate(int[] prompt, Predicate<String> listener) {
    if (prompt.length == 0) {
      throw new GenerationException("The prompt has no tokens; give some text to continue.");
    }
    int room = decoder.capacity() - prompt.length;
    int most = Math.min(options.maxNewTokens(), room);
    FinishReason atEnd = most < options.maxNewTokens() ? FinishReason.CONTEXT : FinishReason.LENGTH;
    long begin = System.nanoTime();
    if (options.beams() > 1) {
      return searchBeams(prompt, most, atEnd, listener, begin);
    }
    long first = begin;
    FinishReason reason = atEnd;
    Output output = new Output(prompt, listener);
    try {
      Sampler sampler = new Sampler(options, vocabulary);
      for (int id : prompt) {
        sampler.see(id);
      }
      var logits = decoder.feed(prompt);
      for (int count = 0; count < most; count++) {
        int id = sampler.next(logits);
        if (count == 0) {
          first = System.nanoTime();
        }
        if (endOfText.contains(id)) {
          reason = FinishReason.END_OF_TEXT;
          break;
        }
        ids.add(id);
        if (!output.push(id)) {
          reason = output.stopped() ? FinishReason.STOP_WORD : FinishReason.CANCELLED;
          break;
        }
        if (count + 1 < most) {
          logits = decoder.feed(id);
        }
      }
    } catch (CancelledException e) {
      reason = FinishReason.CANCELLED;
    }
    return result(prompt, output.finish(reason), begin, first);
  }

  private Generation searchBeams(
      int[] prompt, int most, FinishReason atEnd, Predicate<String> listener, long begin) {
    Output output = new Output(prompt, listener);
    int[] found;
    BeamSearch search = new BeamSearch(decoder, vocabulary, options, endOfText);
    try {
      found = search.search(prompt, most);
    } catch (CancelledException e) {
      return result(prompt, FinishReason.CANCELLED, begin, System.nanoTime());
    }
    FinishReason reason = found.length < most ? FinishReason.END_OF_TEXT : atEnd;
    for (int id : found) {
      ids.add(id);
      if (!output.push(id)) {
        reason = output.stopped() ? FinishReason.STOP_WORD : FinishReason.CANCELLED;
        break;
      }
    }
    return result(prompt, output.finish(reason), begin, search.promptRead());
  }

  private Generation result(int[] prompt, FinishReason reason, long begin, long first) {
    return new Generation(
        text.toString(),
        ids,
        prompt.length,
        reason,
        (first - begin) / 1e9,
        (System.nanoTime() - first) / 1e9);
  }

  private final class Output {
    private final Predicate<String> listener;
    private final Optional<StreamingDecoder> stream = tokenizer.map(Tokenizer::streamingDecoder);
    private final StopWords stopWords = new StopWords(options.stopWords());
    private boolean refused;

    /** The prompt goes first: how a token is written depends on what stands before it. */
    Output(int[] prompt, Predicate<String> listener) {
      this.listener = listener;
      for (int id : prompt) {
        String ignored = decode(id);
      }
    }

    /** Whether to go on. */
    boolean push(int id) {
      return emit(stopWords.push(decode(id))) && !stopWords.stopped();
    }

    /** Models often have more tokens than their tokenizer has names for; those are no text. */
    private String decode(int id) {
      boolean named = tokenizer.isPresent() && id < tokenizer.get().vocabularySize();
      return stream.isPresent() && named ? stream.get().push(id) : "";
    }

    boolean stopped() {
      return stopWords.stopped();
    }

    /**
     * Gives out what was held back: part of a character, or of what could be a stop word.
     *
     * @return why the generation ended, after that
     */
    FinishReason finish(FinishReason reason) {
      if (stream.isEmpty() || stopWords.stopped() || refused) {
        return reason;
      }
      boolean goesOn = emit(stopWords.push(stream.get().finish()));
      if (stopWords.stopped()) {
        return FinishReason.STOP_WORD;
      }
      return goesOn && emit(stopWords.finish()) ? reason : FinishReason.CANCELLED;
    }

    private boolean emit(String piece) {
      text.append(piece);
      refused = !piece.isEmpty() && !listener.test(piece);
      return !refused;
    }
  }
}
