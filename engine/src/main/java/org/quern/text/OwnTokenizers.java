package org.quern.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * Reads in Java the {@code tokenizer.json} files that Quern writes and those of GPT-2's form. A
 * file with any part that is not understood to the letter is left to the library.
 */
final class OwnTokenizers {
  private OwnTokenizers() {}

  /** The tokenizer, or nothing where the file is of another form. */
  static Optional<Tokenizer> read(Tokenizers.Source source) {
    TokenizerDefinition definition = source.definition();
    JsonNode root = definition.root();
    if (!isPlainBpe(definition.model()) || !isPlain(root) || definition.tokens().contains("")) {
      return Optional.empty();
    }
    JsonNode words = root.path("pre_tokenizer");
    if (isNull(words)) {
      return characters(definition);
    }
    boolean prefixes = words.path("add_prefix_space").asBoolean(true);
    if (prefixes || !isByteLevel(words) || !isByteLevel(root.path("decoder"))) {
      return Optional.empty();
    }
    return words.path("use_regex").asBoolean(true) ? bpe(source) : bytes(definition);
  }

  /** Whether this is byte-level BPE as GPT-2 does it, as far as vocabulary and merges may tell. */
  static boolean isGpt2(JsonNode root) {
    JsonNode words = root.path("pre_tokenizer");
    return isPlainBpe(root.path("model"))
        && isPlain(root)
        && isByteLevel(words)
        && !words.path("add_prefix_space").asBoolean(true)
        && words.path("use_regex").asBoolean(true)
        && isByteLevel(root.path("decoder"));
  }

  private static boolean isPlainBpe(JsonNode model) {
    return model.path("merges").isArray()
        && model.path("type").asString("BPE").equals("BPE")
        && model.path("dropout").asDouble(0) == 0
        && isNull(model.path("continuing_subword_prefix"))
        && isNull(model.path("end_of_word_suffix"))
        && !model.path("byte_fallback").asBoolean(false)
        && !model.path("ignore_merges").asBoolean(false);
  }

  private static boolean isPlain(JsonNode root) {
    JsonNode after = root.path("post_processor");
    boolean addsNothing = isNull(after) || after.path("type").asString("").equals("ByteLevel");
    for (JsonNode token : root.path("added_tokens")) {
      if (token.path("single_word").asBoolean(false)
          || token.path("lstrip").asBoolean(false)
          || token.path("rstrip").asBoolean(false)) {
        return false;
      }
    }
    return addsNothing && isNull(root.path("normalizer"));
  }

  private static boolean isByteLevel(JsonNode node) {
    return node.path("type").asString("").equals("ByteLevel");
  }

  private static boolean isNull(JsonNode node) {
    return node.isNull() || node.isMissingNode() || node.isString() && node.stringValue().isEmpty();
  }

  private static Optional<Tokenizer> characters(TokenizerDefinition definition) {
    List<String> tokens = definition.tokens();
    boolean joins = definition.root().path("decoder").path("type").asString("").equals("Fuse");
    if (!joins || !definition.added().isEmpty() || !definition.model().path("merges").isEmpty()) {
      return Optional.empty();
    }
    int[] codePoints = new int[tokens.size()];
    for (int id = 0; id < codePoints.length; id++) {
      String token = tokens.get(id);
      if (token.codePointCount(0, token.length()) != 1) {
        return Optional.empty();
      }
      codePoints[id] = token.codePointAt(0);
      if (id > 0 && codePoints[id] <= codePoints[id - 1]) {
        return Optional.empty();
      }
    }
    return Optional.of(new CharacterTokenizer(codePoints));
  }

  private static Optional<Tokenizer> bytes(TokenizerDefinition definition) {
    List<String> tokens = definition.tokens();
    char[] letters = ByteLetters.letters();
    if (tokens.size() != 256 || !definition.model().path("merges").isEmpty()) {
      return Optional.empty();
    }
    for (int b = 0; b < 256; b++) {
      if (!tokens.get(b).equals(String.valueOf(letters[b]))) {
        return Optional.empty();
      }
    }
    return definition.added().isEmpty() ? Optional.of(new ByteTokenizer()) : Optional.empty();
  }

  private static Optional<Tokenizer> bpe(Tokenizers.Source source) {
    TokenizerDefinition definition = source.definition();
    int size = definition.tokens().size();
    byte[][] tokens = new byte[size][];
    int[] byteOf = ByteLetters.bytes();
    Map<String, Integer> ids = HashMap.newHashMap(size);
    for (AddedToken token : definition.added()) {
      // The byte-level decoder takes added tokens for letters too, if all of them are.
      byte[] plain = token.content().getBytes(StandardCharsets.UTF_8);
      tokens[token.id()] = ByteLetters.read(token.content(), byteOf).orElse(plain);
    }
    int[] byteIds = new int[256];
    Arrays.fill(byteIds, -1);
    for (int id = 0; id < size; id++) {
      String token = definition.tokens().get(id);
      ids.put(token, id);
      if (tokens[id] == null) {
        Optional<byte[]> bytes = ByteLetters.read(token, byteOf);
        if (bytes.isEmpty()) {
          return Optional.empty();
        }
        tokens[id] = bytes.get();
        if (tokens[id].length == 1) {
          byteIds[tokens[id][0] & 0xFF] = id;
        }
      }
    }
    for (int id : byteIds) {
      if (id < 0) {
        return Optional.empty();
      }
    }
    JsonNode merges = definition.model().path("merges");
    int[] lefts = new int[merges.size()];
    int[] rights = new int[merges.size()];
    int[] results = new int[merges.size()];
    for (int rank = 0; rank < lefts.length; rank++) {
      String[] pair = TokenizerDefinition.pair(merges.get(rank));
      lefts[rank] = ids.getOrDefault(pair[0], -1);
      rights[rank] = ids.getOrDefault(pair[1], -1);
      results[rank] = ids.getOrDefault(pair[0] + pair[1], -1);
    }
    BpeVocabulary vocabulary = new BpeVocabulary(tokens, byteIds, lefts, rights, results);
    return Optional.of(
        new BpeTokenizer(vocabulary, definition.added(), source.beginOfText(), source.endOfText()));
  }
}
