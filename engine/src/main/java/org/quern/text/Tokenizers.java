package org.quern.text;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * Reads the tokenizer of a model's folder.
 *
 * <p>Byte-level BPE in GPT-2's form, bytes, and characters (all that Quern itself writes) are read
 * in Java and need nothing else. Everything else is read by Hugging Face's own library, which comes
 * inside a dependency and needs no network, on the platforms that it exists for.
 */
public final class Tokenizers {
  private Tokenizers() {}

  /**
   * Reads a {@code tokenizer.json}, and the {@code tokenizer_config.json} beside it if there is
   * one, for the tokens around a text.
   *
   * @param path the folder, or the {@code tokenizer.json} itself
   * @throws TokenizerException if it is missing, malformed, or of a kind that cannot be read here
   */
  public static Tokenizer read(Path path) {
    TokenizerFiles files = TokenizerFiles.of(path);
    Optional<Tokenizer> plain = PlainBpeFile.read(files.content(), files.config());
    return plain.orElseGet(() -> {
      Source source = Source.of(files);
      return OwnTokenizers.read(source).orElseGet(() -> HuggingFaceTokenizer.of(source));
    });
  }

  /**
   * The files of a tokenizer, read and checked.
   *
   * @param file the {@code tokenizer.json}
   * @param content its bytes
   * @param definition what it says
   * @param config the bytes of {@code tokenizer_config.json}, if there is one
   * @param beginOfText the token a text begins with
   * @param endOfText the token that ends a text
   */
  record Source(
      Path file,
      byte[] content,
      TokenizerDefinition definition,
      Optional<byte[]> config,
      OptionalInt beginOfText,
      OptionalInt endOfText) {

    static Source of(TokenizerFiles files) {
      Path file = files.file();
      byte[] content = files.content();
      TokenizerDefinition definition = TokenizerDefinition.of(content, file.toString());
      if (files.config().isEmpty()) {
        return new Source(
            file, content, definition, Optional.empty(), OptionalInt.empty(), OptionalInt.empty());
      }
      JsonNode root;
      try {
        root = TokenizerFolder.read(files.config().get());
      } catch (JacksonException e) {
        throw new TokenizerException(
            files.configFile() + " is not valid JSON; fetch or write it again, or delete it.", e);
      }
      return new Source(
          file,
          content,
          definition,
          files.config(),
          token(root, "bos_token", definition, files.configFile()),
          token(root, "eos_token", definition, files.configFile()));
    }

    private static OptionalInt token(
        JsonNode config, String key, TokenizerDefinition definition, Path file) {
      JsonNode node = config.path(key);
      JsonNode content = node.isObject() ? node.path("content") : node;
      if (!content.isString()) {
        return OptionalInt.empty();
      }
      int id = definition.tokens().indexOf(content.stringValue());
      if (id < 0 || content.stringValue().isEmpty()) {
        throw new TokenizerException(
            file
                + " names '"
                + content.stringValue()
                + "' as "
                + key
                + ", which tokenizer.json does not have; use files that belong together.");
      }
      return OptionalInt.of(id);
    }
  }

  /** The kinds of tokenizer a new model can be given, for command lines. */
  public static List<String> kinds() {
    return List.of("characters", "bytes", "bpe");
  }
}
