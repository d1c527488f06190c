package org.quern.text;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Byte-level byte-pair encoding as GPT-2 does it (Sennrich et al. 2016; Radford et al. 2019): a
 * text is cut into words, a word into bytes, and the pair that was learned first is merged until
 * none is left. Any text can be encoded, and decoding gives it back exactly.
 *
 * <p>{@link BpeTrainer} learns one from text; {@link Tokenizers#read} reads one.
 */
public final class BpeTokenizer implements Tokenizer {
  /** From how many characters on an encoding remembers the words it has met. */
  private static final int WORDS_WORTH_REMEMBERING = 256;

  private final BpeVocabulary vocabulary;
  private final List<AddedToken> added;
  private final boolean[] special;
  private final OptionalInt beginOfText;
  private final OptionalInt endOfText;

  BpeTokenizer(
      BpeVocabulary vocabulary,
      List<AddedToken> added,
      OptionalInt beginOfText,
      OptionalInt endOfText) {
    this.vocabulary = vocabulary;
    this.added = List.copyOf(added);
    this.beginOfText = beginOfText;
    this.endOfText = endOfText;
    special = new boolean[vocabulary.size()];
    for (AddedToken token : added) {
      special[token.id()] = token.special();
    }
  }

  @Override
  public int vocabularySize() {
    return vocabulary.size();
  }

  @Override
  public OptionalInt beginOfText() {
    return beginOfText;
  }

  @Override
  public OptionalInt endOfText() {
    return endOfText;
  }

  @Override
  public int[] encode(String text, boolean addSpecialTokens) {
    String whole = Texts.wellFormed(text);
    IntList ids = new IntList(whole.length() / 3 + 8);
    Map<String, int[]> known = HashMap.newHashMap(0);
    BpeMerger merger = new BpeMerger(vocabulary);
    AddedTokenFinder finder = new AddedTokenFinder(added, whole);
    int start = 0;
    while (finder.next(start)) {
      encodeWords(whole, start, finder.start(), merger, known, ids);
      ids.add(finder.token().id());
      start = finder.end();
    }
    encodeWords(whole, start, whole.length(), merger, known, ids);
    return ids.toArray();
  }

  private static void encodeWords(
      String text, int from, int to, BpeMerger merger, Map<String, int[]> known, IntList ids) {
    // A word must not see the text behind an added token: \s+(?!\S) would look at it.
    String part = from == 0 && to == text.length() ? text : text.substring(from, to);
    boolean remember = part.length() >= WORDS_WORTH_REMEMBERING;
    int start = 0;
    while (start < part.length()) {
      int end = Gpt2Splitter.wordEnd(part, start);
      String word = part.substring(start, end);
      int[] pieces = remember ? known.get(word) : null;
      if (pieces == null) {
        pieces = merger.merge(word.getBytes(StandardCharsets.UTF_8));
        if (remember) {
          known.put(word, pieces);
        }
      }
      ids.addAll(pieces);
      start = end;
    }
  }

  @Override
  public String decode(int[] ids, boolean skipSpecialTokens) {
    Utf8Decoder decoder = new Utf8Decoder();
    StringBuilder out = new StringBuilder(ids.length * 4);
    for (int id : ids) {
      byte[] bytes = vocabulary.bytes(Texts.checkId(id, special.length));
      if (!(skipSpecialTokens && special[id])) {
        decoder.push(bytes, out);
      }
    }
    decoder.finish(out);
    return out.toString();
  }

  @Override
  public String token(int id) {
    Texts.checkId(id, special.length);
    for (AddedToken token : added) {
      if (token.id() == id) {
        return token.content();
      }
    }
    return ByteLetters.write(vocabulary.bytes(id), ByteLetters.letters());
  }

  @Override
  public boolean isSpecial(int id) {
    return special[Texts.checkId(id, special.length)];
  }

  @Override
  public StreamingDecoder streamingDecoder() {
    byte[] none = {};
    return new ByteStreamingDecoder(id -> isSpecial(id) ? none : vocabulary.bytes(id));
  }

  /** Before a space that follows something else: no word of GPT-2's reaches across that. */
  @Override
  public int lastBoundary(String text) {
    for (int i = text.length() - 1; i > 0; i--) {
      if (Gpt2Splitter.isSpace(text.charAt(i)) && !Gpt2Splitter.isSpace(text.charAt(i - 1))) {
        return i;
      }
    }
    return -1;
  }

  @Override
  public void save(Path folder) {
    JsonMapper json = TokenizerFolder.writer();
    TokenizerFolder.write(folder, definition(json), TokenizerFolder.config(json, this));
  }

  @Override
  public long fingerprint() {
    return TokenizerFolder.fingerprint(definition(TokenizerFolder.writer()));
  }

  @Override
  public String describe() {
    return "byte-level BPE, %,d tokens, %,d merges"
        .formatted(vocabulary.size(), vocabulary.merges());
  }

  private byte[] definition(JsonMapper json) {
    ObjectNode root = TokenizerFolder.bpe(json);
    root.set("pre_tokenizer", TokenizerFolder.byteLevel(json, true));
    root.set("decoder", TokenizerFolder.byteLevel(json, true));
    ArrayNode addedTokens = root.withArray("/added_tokens");
    for (AddedToken token : added) {
      TokenizerFolder.addToken(addedTokens, token);
    }
    ObjectNode vocab = root.withObject("/model/vocab");
    for (int id = 0; id < vocabulary.size(); id++) {
      vocab.put(token(id), id);
    }
    ArrayNode merges = root.withArray("/model/merges");
    char[] letters = ByteLetters.letters();
    for (int rank = 0; rank < vocabulary.merges(); rank++) {
      merges.add(
          ByteLetters.write(vocabulary.bytes(vocabulary.left(rank)), letters)
              + ' '
              + ByteLetters.write(vocabulary.bytes(vocabulary.right(rank)), letters));
    }
    return json.writeValueAsBytes(root);
  }
}
