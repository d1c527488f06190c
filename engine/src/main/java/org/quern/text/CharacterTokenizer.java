package org.quern.text;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.OptionalInt;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The characters (Unicode code points) of a training text as tokens, in ascending order: the first
 * id is the least code point. No special tokens; a character that the training text lacks cannot be
 * encoded.
 */
public final class CharacterTokenizer implements Tokenizer {

  /** Gathers the characters of a text that comes in pieces. */
  public static final class Builder {
    private final BitSet seen = new BitSet();

    /** Starts with no characters. */
    public Builder() {}

    /** Adds the characters of a piece of text. */
    public Builder add(String text) {
      Texts.wellFormed(text).codePoints().forEach(seen::set);
      return this;
    }

    /**
     * The tokenizer of all characters added.
     *
     * @throws TokenizerException if there were none
     */
    public CharacterTokenizer build() {
      return new CharacterTokenizer(seen.stream().toArray());
    }
  }

  private final int[] codePoints;

  /** Characters in ascending order. */
  CharacterTokenizer(int[] codePoints) {
    if (codePoints.length == 0) {
      throw new TokenizerException(
          "A character tokenizer needs a text with at least one character; give it one that is not"
              + " empty.");
    }
    this.codePoints = codePoints;
  }

  /**
   * The tokenizer of a text's characters.
   *
   * @throws TokenizerException if the text is empty
   */
  public static CharacterTokenizer of(String text) {
    return new Builder().add(text).build();
  }

  @Override
  public int vocabularySize() {
    return codePoints.length;
  }

  @Override
  public OptionalInt beginOfText() {
    return OptionalInt.empty();
  }

  @Override
  public OptionalInt endOfText() {
    return OptionalInt.empty();
  }

  @Override
  public int[] encode(String text, boolean addSpecialTokens) {
    String characters = Texts.wellFormed(text);
    int[] ids = new int[characters.codePointCount(0, characters.length())];
    int i = 0;
    for (int n = 0; n < ids.length; n++) {
      int codePoint = characters.codePointAt(i);
      int id = Arrays.binarySearch(codePoints, codePoint);
      if (id < 0) {
        throw new TokenizerException(
            "The character "
                + Texts.named(codePoint)
                + " at position "
                + n
                + " is not among the "
                + codePoints.length
                + " characters of the training text; leave it out, or train with bytes or BPE.");
      }
      ids[n] = id;
      i += Character.charCount(codePoint);
    }
    return ids;
  }

  @Override
  public String decode(int[] ids, boolean skipSpecialTokens) {
    StringBuilder out = new StringBuilder(ids.length);
    for (int id : ids) {
      out.appendCodePoint(codePoints[Texts.checkId(id, codePoints.length)]);
    }
    return out.toString();
  }

  @Override
  public String token(int id) {
    return Character.toString(codePoints[Texts.checkId(id, codePoints.length)]);
  }

  @Override
  public boolean isSpecial(int id) {
    Texts.checkId(id, codePoints.length);
    return false;
  }

  @Override
  public StreamingDecoder streamingDecoder() {
    return new StreamingDecoder() {
      @Override
      public String push(int id) {
        return token(id);
      }

      @Override
      public String finish() {
        return "";
      }
    };
  }

  @Override
  public int lastBoundary(String text) {
    return Texts.lastCharacterBoundary(text);
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
    return "characters, " + codePoints.length + " tokens";
  }

  /** A BPE model without merges: each character of the whole text is a token. */
  private byte[] definition(JsonMapper json) {
    ObjectNode root = TokenizerFolder.bpe(json);
    root.putObject("decoder").put("type", "Fuse");
    ObjectNode vocabulary = root.withObject("/model/vocab");
    for (int id = 0; id < codePoints.length; id++) {
      vocabulary.put(Character.toString(codePoints[id]), id);
    }
    return json.writeValueAsBytes(root);
  }
}
