package org.quern.text;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.OptionalInt;
import org.quern.json.JsonTree;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The two files of a tokenizer in a model's folder, as Hugging Face's libraries name them. */
final class TokenizerFolder {
  static final String TOKENIZER = "tokenizer.json";
  static final String CONFIG = "tokenizer_config.json";

  private TokenizerFolder() {}

  /** Writes indented JSON. */
  static JsonMapper writer() {
    return JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
  }

  /**
   * Reads one of the two files; a key that comes twice is refused, and anything after the document.
   */
  static JsonNode read(byte[] content) {
    JsonFactory json =
        JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();
    return JsonTree.read(json.createParser(ObjectReadContext.empty(), content));
  }

  /**
   * The frame of a {@code tokenizer.json} of the BPE model, with {@code model.vocab} to be filled.
   */
  static ObjectNode bpe(JsonMapper json) {
    ObjectNode root = json.createObjectNode();
    root.put("version", "1.0");
    root.putNull("truncation");
    root.putNull("padding");
    root.putArray("added_tokens");
    root.putNull("normalizer");
    root.putNull("pre_tokenizer");
    root.putNull("post_processor");
    root.putNull("decoder");
    ObjectNode model = root.putObject("model");
    model.put("type", "BPE");
    model.putNull("dropout");
    model.putNull("unk_token");
    model.putNull("continuing_subword_prefix");
    model.putNull("end_of_word_suffix");
    model.put("fuse_unk", false);
    model.put("byte_fallback", false);
    model.put("ignore_merges", false);
    model.putObject("vocab");
    model.putArray("merges");
    return root;
  }

  /** The byte-level step, as pre-tokenizer and as decoder. */
  static ObjectNode byteLevel(JsonMapper json, boolean words) {
    return json.createObjectNode()
        .put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", words);
  }

  static void addToken(ArrayNode addedTokens, AddedToken token) {
    addedTokens
        .addObject()
        .put("id", token.id())
        .put("content", token.content())
        .put("single_word", false)
        .put("lstrip", false)
        .put("rstrip", false)
        .put("normalized", false)
        .put("special", token.special());
  }

  /** A {@code tokenizer_config.json} with the tokens around a text, where there are any. */
  static byte[] config(JsonMapper json, Tokenizer tokenizer) {
    ObjectNode root = json.createObjectNode();
    root.put("tokenizer_class", "PreTrainedTokenizerFast");
    putToken(root, "bos_token", tokenizer.beginOfText(), tokenizer);
    putToken(root, "eos_token", tokenizer.endOfText(), tokenizer);
    root.put("clean_up_tokenization_spaces", false);
    return json.writeValueAsBytes(root);
  }

  /** Writes both files, each whole or not at all. */
  static void write(Path folder, byte[] tokenizer, byte[] config) {
    try {
      Files.createDirectories(folder);
      replace(folder.resolve(TOKENIZER), tokenizer);
      replace(folder.resolve(CONFIG), config);
    } catch (IOException e) {
      throw new TokenizerException(
          "Cannot write the tokenizer into "
              + folder
              + " ("
              + reason(e)
              + "); make the folder writable or choose another.",
          e);
    }
  }

  /** The first eight bytes of the SHA-256 of a tokenizer's definition. */
  static long fingerprint(byte[] definition) {
    try {
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(definition);
      return ByteBuffer.wrap(hash).getLong();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** Why a file operation failed, without the path, which messages name already. */
  static String reason(IOException e) {
    String kind = e.getClass().getSimpleName().replaceAll("(?<=[a-z])(?=[A-Z])", " ");
    return e instanceof java.nio.file.FileSystemException f && f.getReason() != null
        ? f.getReason()
        : kind.replace(" Exception", "").toLowerCase(java.util.Locale.ROOT);
  }

  private static void putToken(ObjectNode root, String key, OptionalInt id, Tokenizer tokenizer) {
    if (id.isPresent()) {
      root.put(key, tokenizer.token(id.getAsInt()));
    }
  }

  private static void replace(Path file, byte[] content) throws IOException {
    Path part =
        file.resolveSibling(file.getFileName() + "." + ProcessHandle.current().pid() + ".part");
    try {
      try (FileChannel channel =
          FileChannel.open(
              part,
              StandardOpenOption.WRITE,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING)) {
        ByteBuffer buffer = ByteBuffer.wrap(content);
        while (buffer.hasRemaining()) {
          channel.write(buffer);
        }
        channel.force(true);
      }
      Files.move(part, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(part);
    }
  }
}
