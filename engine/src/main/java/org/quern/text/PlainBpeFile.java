package org.quern.text;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.MissingNode;

/**
 * Reads a {@code tokenizer.json} of GPT-2's form without making objects of its hundred thousand
 * tokens and merges: those go from the file's bytes into tables, and only what is left of the file
 * is parsed into a tree. A file that is not wholly in order, or not written as usual, it does not
 * read: that is left to {@link Tokenizers.Source}, which says what is wrong.
 */
final class PlainBpeFile {
  private static final byte[] MODEL = "model".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] VOCABULARY = "vocab".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] MERGES = "merges".getBytes(StandardCharsets.US_ASCII);

  private final byte[] content;
  private final LetterScanner scanner;
  private final ByteArrayOutputStream rest = new ByteArrayOutputStream(1 << 12);
  private final TokenTable table = new TokenTable();
  private int copied;
  private int depth;
  private boolean inModel;
  private boolean mergesSeen;

  /** The id of each token of the table. */
  private int[] ids = new int[1 << 12];

  private int[] lefts = new int[1 << 12];
  private int[] rights = new int[1 << 12];
  private int[] results = new int[1 << 12];
  private int mergeCount;

  private PlainBpeFile(byte[] content) {
    this.content = content;
    scanner = new LetterScanner(content);
  }

  /**
   * The tokenizer, or nothing where the files have to be read in another way.
   *
   * @param content {@code tokenizer.json}
   * @param config {@code tokenizer_config.json}, if there is one
   */
  static Optional<Tokenizer> read(byte[] content, Optional<byte[]> config) {
    PlainBpeFile file = new PlainBpeFile(content);
    try {
      return file.readTables() ? file.tokenizer(config) : Optional.empty();
    } catch (JacksonException e) {
      return Optional.empty();
    }
  }

  /** Reads the vocabulary and the merges, and leaves all else as the rest; whether it could. */
  private boolean readTables() {
    boolean plain = true;
    for (int next = scanner.peek(); plain && next != 0; next = scanner.peek()) {
      switch (next) {
        case '{', '[' -> depth++;
        case '}', ']' -> {
          depth--;
          inModel &= depth > 1;
        }
        default -> {}
      }
      if (next == '"') {
        plain = readString();
      } else {
        scanner.moveTo(scanner.position() + 1);
      }
    }
    rest.write(content, copied, content.length - copied);
    return plain && mergesSeen;
  }

  private boolean readString() {
    int start = scanner.position() + 1;
    if (!scanner.skipString()) {
      return false;
    }
    int end = scanner.position() - 1;
    if (depth > 2 || !scanner.pass(':')) {
      return true;
    }
    int next = scanner.peek();
    if (depth == 1) {
      inModel = next == '{' && is(MODEL, start, end);
    } else if (inModel && next == '{' && is(VOCABULARY, start, end)) {
      return cut(table.size() == 0 && readVocabulary());
    } else if (inModel && next == '[' && is(MERGES, start, end)) {
      return cut(table.size() > 0 && !mergesSeen && readMerges());
    }
    return true;
  }

  private boolean is(byte[] name, int start, int end) {
    return Arrays.equals(name, 0, name.length, content, start, end);
  }

  /** Goes on with the bracket that closes what was read. */
  private boolean cut(boolean read) {
    copied = scanner.position();
    return read;
  }

  private void begin() {
    scanner.moveTo(scanner.position() + 1);
    rest.write(content, copied, scanner.position() - copied);
  }

  private boolean readVocabulary() {
    begin();
    do {
      if (!readToken()) {
        return false;
      }
    } while (scanner.pass(','));
    depth++;
    return scanner.peek() == '}';
  }

  private boolean readToken() {
    if (!scanner.string() || !scanner.pass(':')) {
      return false;
    }
    int id = scanner.number();
    int number = table.size();
    if (id < 0 || !table.add(scanner.text(), scanner.length())) {
      return false;
    }
    if (number == ids.length) {
      ids = Arrays.copyOf(ids, 2 * number);
    }
    ids[number] = id;
    return true;
  }

  private boolean readMerges() {
    mergesSeen = true;
    begin();
    depth++;
    if (scanner.peek() == ']') {
      return true;
    }
    do {
      if (!readMerge()) {
        return false;
      }
    } while (scanner.pass(','));
    return scanner.peek() == ']';
  }

  private boolean readMerge() {
    if (!scanner.pair()) {
      return false;
    }
    byte[] text = scanner.text();
    int left = table.find(text, 0, scanner.gap());
    int right = table.find(text, scanner.gap(), scanner.length());
    int result = table.find(text, 0, scanner.length());
    if (left < 0 || right < 0 || result < 0) {
      return false;
    }
    if (mergeCount == lefts.length) {
      lefts = Arrays.copyOf(lefts, 2 * mergeCount);
      rights = Arrays.copyOf(rights, 2 * mergeCount);
      results = Arrays.copyOf(results, 2 * mergeCount);
    }
    lefts[mergeCount] = ids[left];
    rights[mergeCount] = ids[right];
    results[mergeCount] = ids[result];
    mergeCount++;
    return true;
  }

  private Optional<Tokenizer> tokenizer(Optional<byte[]> config) {
    JsonNode root = TokenizerFolder.read(rest.toByteArray());
    if (!OwnTokenizers.isGpt2(root)) {
      return Optional.empty();
    }
    List<AddedToken> added = new ArrayList<>();
    if (!readAdded(root.path("added_tokens"), added)) {
      return Optional.empty();
    }
    int size = added.stream().mapToInt(token -> token.id() + 1).reduce(table.size(), Math::max);
    byte[][] tokens = new byte[size][];
    int[] byteIds = new int[256];
    if (!placeTokens(tokens, byteIds, added)) {
      return Optional.empty();
    }
    BpeVocabulary vocabulary =
        new BpeVocabulary(
            tokens,
            byteIds,
            Arrays.copyOf(lefts, mergeCount),
            Arrays.copyOf(rights, mergeCount),
            Arrays.copyOf(results, mergeCount));
    JsonNode settings = config.map(TokenizerFolder::read).orElse(MissingNode.getInstance());
    Optional<OptionalInt> begin = named(settings.path("bos_token"), added);
    Optional<OptionalInt> end = named(settings.path("eos_token"), added);
    if (begin.isEmpty() || end.isEmpty() || vocabulary.table().size() < mergeCount) {
      return Optional.empty();
    }
    added.sort((one, other) -> Integer.compare(one.id(), other.id()));
    return Optional.of(new BpeTokenizer(vocabulary, added, begin.get(), end.get()));
  }

  /** Added tokens where {@link TokenizerDefinition} expects them: whether all are. */
  private boolean readAdded(JsonNode nodes, List<AddedToken> added) {
    Set<String> contents = new HashSet<>();
    int last = -1;
    for (JsonNode node : nodes) {
      String text = node.path("content").asString("");
      JsonNode id = node.path("id");
      int known = idOf(text);
      int expected = known >= 0 ? known : Math.max(table.size(), last + 1);
      if (!node.path("content").isString()
          || text.isEmpty()
          || !contents.add(text)
          || !id.isIntegralNumber()
          || !id.canConvertToInt()
          || id.intValue() != expected) {
        return false;
      }
      last = Math.max(last, expected);
      added.add(new AddedToken(expected, text, node.path("special").asBoolean(false)));
    }
    return true;
  }

  /** The id of a token of the model; −1 if it has none of this name. */
  private int idOf(String token) {
    Optional<byte[]> bytes = ByteLetters.read(token, ByteLetters.bytes());
    int number = bytes.map(found -> table.find(found, 0, found.length)).orElse(-1);
    return number < 0 ? -1 : ids[number];
  }

  /** Tokens by their ids, and the id of each byte: whether there is one for each. */
  private boolean placeTokens(byte[][] tokens, int[] byteIds, List<AddedToken> added) {
    Arrays.fill(byteIds, -1);
    for (int number = 0; number < table.size(); number++) {
      if (!placeToken(number, tokens, byteIds)) {
        return false;
      }
    }
    int[] byteOf = ByteLetters.bytes();
    for (AddedToken token : added) {
      byte[] plain = token.content().getBytes(StandardCharsets.UTF_8);
      byte[] bytes = ByteLetters.read(token.content(), byteOf).orElse(plain);
      tokens[token.id()] = bytes;
      // One that stands for a byte of the text is the library's to judge.
      if (bytes.length == 1) {
        return false;
      }
    }
    return Arrays.stream(byteIds).allMatch(id -> id >= 0);
  }

  private boolean placeToken(int number, byte[][] tokens, int[] byteIds) {
    int id = ids[number];
    // So they are all the ids from 0 on, each once.
    if (id >= table.size() || tokens[id] != null) {
      return false;
    }
    byte[] bytes = table.bytes(number);
    tokens[id] = bytes;
    if (bytes.length == 1) {
      byteIds[bytes[0] & 0xFF] = id;
    }
    return true;
  }

  /** The id that a setting names, if it names any; nothing where no token has the name. */
  private Optional<OptionalInt> named(JsonNode node, List<AddedToken> added) {
    JsonNode name = node.isObject() ? node.path("content") : node;
    if (!name.isString()) {
      return Optional.of(OptionalInt.empty());
    }
    for (AddedToken token : added) {
      if (token.content().equals(name.stringValue())) {
        return Optional.of(OptionalInt.of(token.id()));
      }
    }
    int id = idOf(name.stringValue());
    return id < 0 ? Optional.empty() : Optional.of(OptionalInt.of(id));
  }
}
