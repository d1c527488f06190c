package org.quern.text;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.databind.JsonNode;

/**
 * A {@code tokenizer.json} that has been looked through: ids in range and given once, merges of
 * tokens that exist. No reader, ours or the library's, sees one that has not.
 *
 * @param root the whole file
 * @param tokens the tokens of the model and the added ones, by id; {@code ""} where an id is unused
 * @param added the added tokens, by ascending id
 */
record TokenizerDefinition(JsonNode root, List<String> tokens, List<AddedToken> added) {
  private static final int MOST_TOKENS = 1 << 24;

  /** The model part. */
  JsonNode model() {
    return root.path("model");
  }

  /** The kind of model: BPE, Unigram, WordPiece, WordLevel. */
  String modelType() {
    JsonNode model = model();
    if (model.path("type").isString()) {
      return model.path("type").stringValue();
    }
    return model.has("merges") ? "BPE" : "";
  }

  /**
   * Reads and checks one.
   *
   * @param name the file, for messages
   */
  static TokenizerDefinition of(byte[] content, String name) {
    JsonNode root;
    try {
      root = TokenizerFolder.read(content);
    } catch (JacksonException e) {
      TokenStreamLocation location = e.getLocation();
      String reason = String.valueOf(e.getOriginalMessage());
      throw new TokenizerException(
          name
              + " is not valid JSON ("
              + reason.lines().findFirst().orElse(reason)
              + (location == null ? "" : ", at byte " + Math.max(0, location.getByteOffset()))
              + "); fetch or write it again.",
          e);
    }
    Checker checker = new Checker(name);
    return checker.check(root);
  }

  private static final class Checker {
    private final String name;
    private final Map<Integer, String> byId = new HashMap<>();

    Checker(String name) {
      this.name = name;
    }

    TokenizerDefinition check(JsonNode root) {
      JsonNode model = root.path("model");
      JsonNode vocab = model.path("vocab");
      if (vocab.isObject()) {
        for (Map.Entry<String, JsonNode> entry : vocab.properties()) {
          put(id(entry.getValue(), entry.getKey()), entry.getKey());
        }
      } else if (vocab.isArray()) {
        for (int id = 0; id < vocab.size(); id++) {
          JsonNode piece = vocab.get(id).path(0);
          if (!piece.isString() || !vocab.get(id).path(1).isNumber()) {
            throw bad("entry " + id + " of its vocabulary is not a token with a score");
          }
          put(id, piece.stringValue());
        }
      } else {
        throw bad("it has no model with a vocabulary");
      }
      Set<String> known = new HashSet<>(byId.values());
      List<AddedToken> added = added(root.path("added_tokens"));
      if (byId.isEmpty()) {
        throw bad("its vocabulary is empty");
      }
      merges(model.path("merges"), model, known);
      int size = 1 + byId.keySet().stream().mapToInt(Integer::intValue).max().getAsInt();
      if (size > 2L * byId.size() + 65536) {
        throw bad(
            "its greatest id is " + (size - 1) + " though it has only " + byId.size() + " tokens");
      }
      List<String> tokens = new ArrayList<>(size);
      for (int id = 0; id < size; id++) {
        tokens.add(byId.getOrDefault(id, ""));
      }
      return new TokenizerDefinition(root, tokens, added);
    }

    private List<AddedToken> added(JsonNode nodes) {
      List<AddedToken> added = new ArrayList<>();
      Set<String> contents = new HashSet<>();
      Map<String, Integer> ids = HashMap.newHashMap(byId.size());
      byId.forEach((id, token) -> ids.put(token, id));
      // The library numbers added tokens by itself: from the end of the model's, in order.
      int modelSize = byId.size();
      int lastAdded = -1;
      for (JsonNode node : nodes) {
        JsonNode content = node.path("content");
        if (!content.isString() || content.stringValue().isEmpty()) {
          throw bad("an added token has no content");
        }
        String text = content.stringValue();
        int id = id(node.path("id"), text);
        if (!contents.add(text)) {
          throw bad("the added token " + quoted(text) + " is there twice");
        }
        int expected = ids.getOrDefault(text, Math.max(modelSize, lastAdded + 1));
        if (id != expected) {
          throw bad(
              "the added token "
                  + quoted(text)
                  + " has the id "
                  + id
                  + " where "
                  + expected
                  + " is its place");
        }
        if (!text.equals(byId.getOrDefault(id, text))) {
          throw bad("id " + id + " stands for a token of the model and for " + quoted(text));
        }
        byId.put(id, text);
        lastAdded = Math.max(lastAdded, id);
        added.add(new AddedToken(id, text, node.path("special").asBoolean(false)));
      }
      added.sort(Comparator.comparingInt(AddedToken::id));
      return added;
    }

    private void merges(JsonNode merges, JsonNode model, Set<String> known) {
      String prefix = model.path("continuing_subword_prefix").asString("");
      Set<String> seen = HashSet.newHashSet(merges.size());
      for (int rank = 0; rank < merges.size(); rank++) {
        String[] pair = pair(merges.get(rank));
        if (pair.length != 2) {
          throw bad("merge " + rank + " is not a pair of tokens");
        }
        if (!seen.add(pair[0] + " " + pair[1])) {
          throw bad(
              "merge "
                  + rank
                  + " ("
                  + quoted(pair[0])
                  + ", "
                  + quoted(pair[1])
                  + ") is there twice");
        }
        if (!pair[1].startsWith(prefix)) {
          throw bad("merge " + rank + " lacks the prefix " + quoted(prefix));
        }
        String right = pair[1].substring(prefix.length());
        for (String token : new String[] {pair[0], pair[1], pair[0] + right}) {
          if (!known.contains(token)) {
            throw bad("merge " + rank + " needs the token " + quoted(token) + ", which has no id");
          }
        }
      }
    }

    private int id(JsonNode value, String token) {
      if (!value.isIntegralNumber()
          || !value.canConvertToInt()
          || value.intValue() < 0
          || value.intValue() >= MOST_TOKENS) {
        throw bad(
            "the id of the token "
                + quoted(token)
                + " is not a number from 0 to "
                + (MOST_TOKENS - 1));
      }
      return value.intValue();
    }

    private void put(int id, String token) {
      String other = byId.put(id, token);
      if (other != null) {
        throw bad("id " + id + " stands for both " + quoted(other) + " and " + quoted(token));
      }
    }

    private static String quoted(String token) {
      String shown = token.length() > 40 ? token.substring(0, 40) + "…" : token;
      StringBuilder out = new StringBuilder("'");
      shown
          .codePoints()
          .forEach(c ->
              out.append(
                  Character.isISOControl(c) ? "\\u%04x".formatted(c) : Character.toString(c)));
      return out.append("'").toString();
    }

    private TokenizerException bad(String what) {
      return new TokenizerException(
          name + " cannot be used: " + what + "; fetch or write it again.");
    }
  }

  /** The two sides of a merge, written as an array or with a space between. */
  static String[] pair(JsonNode merge) {
    if (merge.isArray()
        && merge.size() == 2
        && merge.get(0).isString()
        && merge.get(1).isString()) {
      return new String[] {merge.get(0).stringValue(), merge.get(1).stringValue()};
    }
    return merge.isString() ? merge.stringValue().split(" ", -1) : new String[0];
  }
}
