package org.quern.text;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.BitSet;
import java.util.List;
import java.util.Map.Entry;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Looks through what Hugging Face's library takes on trust: where a file breaks these promises, the
 * library panics, and a panic in native code ends the process.
 */
final class LibraryGuard {
  private static final List<String> STEPS =
      List.of("normalizers", "pretokenizers", "processors", "decoders");

  private final List<String> tokens;
  private final String name;

  private LibraryGuard(Tokenizers.Source source) {
    tokens = source.definition().tokens();
    name = source.file().toString();
  }

  /** The definition for the library, without truncation and padding, which it must not do. */
  static byte[] check(Tokenizers.Source source) {
    LibraryGuard guard = new LibraryGuard(source);
    JsonNode root = source.definition().root();
    guard.part(root.path("normalizer"));
    guard.part(root.path("pre_tokenizer"));
    guard.part(root.path("post_processor"));
    guard.part(root.path("decoder"));
    boolean untouched = root.path("truncation").isNull() && root.path("padding").isNull();
    if (untouched || !(root instanceof ObjectNode object)) {
      return source.content();
    }
    ObjectNode copy = object.deepCopy();
    copy.putNull("truncation");
    copy.putNull("padding");
    return TokenizerFolder.writer().writeValueAsBytes(copy);
  }

  private void part(JsonNode part) {
    if (part.isNull() || part.isMissingNode()) {
      return;
    }
    if (!part.isObject()) {
      throw bad("it has a step that is not an object");
    }
    // The library goes by the fields; a wrong type may get by.
    if (part.has("single") || part.has("special_tokens")) {
      template(part);
    }
    if (part.has("sep") || part.has("cls")) {
      id(part.path("sep").path(1));
      id(part.path("cls").path(1));
    }
    if (part.has("precompiled_charsmap")) {
      charsmap(part.path("precompiled_charsmap"));
    }
    if (part.path("stop").asLong(0) != 0) {
      throw bad("its decoder strips the end of tokens, which the library does not do safely");
    }
    if (part.has("length") && part.path("length").asLong(0) < 1) {
      throw bad("it cuts the text in pieces of no length");
    }
    for (String steps : STEPS) {
      for (JsonNode step : part.path(steps)) {
        part(step);
      }
    }
  }

  private void template(JsonNode part) {
    JsonNode special = part.path("special_tokens");
    for (Entry<String, JsonNode> entry : special.properties()) {
      JsonNode ids = entry.getValue().path("ids");
      JsonNode names = entry.getValue().path("tokens");
      if (!ids.isArray() || ids.isEmpty() || ids.size() != names.size()) {
        throw bad("its template gives '" + entry.getKey() + "' no ids");
      }
      for (JsonNode id : ids) {
        id(id);
      }
    }
    for (JsonNode piece : part.path("single")) {
      JsonNode token = piece.path("SpecialToken");
      if (!token.isMissingNode() && !special.has(token.path("id").asString(""))) {
        throw bad("its template needs '" + token.path("id").asString("") + "', which it lacks");
      }
      JsonNode text = piece.path("Sequence");
      if (!text.isMissingNode() && !text.path("id").asString("").equals("A")) {
        throw bad("its template for one text asks for another");
      }
    }
  }

  private void id(JsonNode id) {
    boolean known =
        id.isIntegralNumber()
            && id.canConvertToInt()
            && id.intValue() >= 0
            && id.intValue() < tokens.size()
            && !tokens.get(id.intValue()).isEmpty();
    if (!known) {
      throw bad("its post-processor adds the id " + id + ", which no token has");
    }
  }

  /**
   * SentencePiece's map of characters: the size of a double-array trie, the trie, and the texts its
   * leaves point at. The library follows the trie's links unchecked, so all of them are followed
   * here.
   */
  private void charsmap(JsonNode node) {
    byte[] map;
    try {
      map = Base64.getDecoder().decode(node.asString(""));
    } catch (IllegalArgumentException e) {
      throw bad("its map of characters is not Base64");
    }
    ByteBuffer buffer = ByteBuffer.wrap(map).order(ByteOrder.LITTLE_ENDIAN);
    int trieBytes = map.length < Integer.BYTES ? -1 : buffer.getInt();
    if (trieBytes < Integer.BYTES
        || trieBytes % Integer.BYTES != 0
        || trieBytes > buffer.remaining()) {
      throw bad("its map of characters is cut off");
    }
    int[] trie = new int[trieBytes / Integer.BYTES];
    buffer.asIntBuffer().get(trie);
    int texts = map.length - Integer.BYTES - trieBytes;
    if (texts > 0 && map[map.length - 1] != 0) {
      throw bad("its map of characters has a text without an end");
    }
    BitSet seen = new BitSet(trie.length);
    ArrayDeque<Integer> open = new ArrayDeque<>();
    open.add(offset(trie[0]));
    while (!open.isEmpty()) {
      int base = open.remove();
      if (base < 0 || (base | 0xFF) >= trie.length) {
        throw bad("its map of characters points outside itself");
      }
      if (seen.get(base)) {
        continue;
      }
      seen.set(base);
      for (int label = 1; label < 256; label++) {
        int unit = trie[base ^ label];
        // The label of a node, as darts-clone writes it: leaves have the sign bit set.
        if ((unit & 0x8000_00FF) == label) {
          int child = base ^ label ^ offset(unit);
          boolean leaf = (unit >>> 8 & 1) == 1;
          if (leaf && !isText(map, texts, child < trie.length ? trie[child] & 0x7FFF_FFFF : -1)) {
            throw bad("its map of characters points outside itself");
          }
          open.add(child);
        }
      }
    }
  }

  /** Whether a character begins at so many bytes into the texts. */
  private static boolean isText(byte[] map, int texts, int at) {
    return at >= 0 && at < texts && (map[map.length - texts + at] & 0xC0) != 0x80;
  }

  private static int offset(int unit) {
    return unit >>> 10 << ((unit & 1 << 9) >>> 6);
  }

  private TokenizerException bad(String what) {
    return new TokenizerException(name + " cannot be used: " + what + "; fetch or write it again.");
  }
}
