package org.quern.text;

import java.nio.file.Path;
import java.util.OptionalInt;

/**
 * Text to token ids and back. Ids are {@code 0 ≤ id < vocabularySize()}.
 *
 * <p>A tokenizer never changes and may be used by several threads at once. Special tokens (the ones
 * a model's {@code tokenizer.json} marks so, such as {@code <|endoftext|>}) are recognised where
 * they stand in a text, as Hugging Face's library does.
 */
public interface Tokenizer extends AutoCloseable {

  /** One more than the greatest id. */
  int vocabularySize();

  /** The token a text begins with, if the tokenizer has one. */
  OptionalInt beginOfText();

  /** The token that ends a text and separates documents, if the tokenizer has one. */
  OptionalInt endOfText();

  /**
   * The ids of a text. A surrogate without its partner is read as U+FFFD.
   *
   * @param addSpecialTokens whether to add what the model expects around a text, such as a leading
   *     {@code <s>}; {@code false} for training text, which is encoded in pieces
   * @throws TokenizerException where the vocabulary cannot express the text
   */
  int[] encode(String text, boolean addSpecialTokens);

  /** The ids of a text as a model's prompt: {@code encode(text, true)}. */
  default int[] encode(String text) {
    return encode(text, true);
  }

  /**
   * The text of ids. Bytes that are not UTF-8 become U+FFFD, one for each maximal ill-formed
   * sequence (Unicode 16, section 3.9, table 3-8).
   *
   * @param skipSpecialTokens whether to leave special tokens out
   * @throws TokenizerException for an id outside the vocabulary
   */
  String decode(int[] ids, boolean skipSpecialTokens);

  /** The text of ids without special tokens: {@code decode(ids, true)}. */
  default String decode(int[] ids) {
    return decode(ids, true);
  }

  /**
   * One token as the vocabulary writes it, for people to look at ({@code Ġthe}, {@code ▁the}).
   *
   * @throws TokenizerException for an id outside the vocabulary
   */
  String token(int id);

  /** Whether decoding leaves this id out. */
  boolean isSpecial(int id);

  /** A decoder of its own that turns ids into text one at a time, special tokens left out. */
  StreamingDecoder streamingDecoder();

  /**
   * Where a long text may be cut so that its two parts, encoded one after the other, give the ids
   * of the whole: the last such index in {@code 1 … text.length()}, or −1 where there is none. A
   * corpus of any size is encoded in pieces cut there. Tokenizers that look further than words may
   * differ by a token at such a cut.
   */
  int lastBoundary(String text);

  /**
   * Writes {@code tokenizer.json} and {@code tokenizer_config.json}, which Hugging Face's libraries
   * read, into a folder, made if need be.
   *
   * @throws TokenizerException where they cannot be written
   */
  void save(Path folder);

  /** 64 bits that differ for tokenizers that differ: token files carry it. */
  long fingerprint();

  /** One line for people: kind and size. */
  String describe();

  /** Frees what lies outside the heap, if anything does; closing twice does nothing. */
  @Override
  default void close() {}
}
