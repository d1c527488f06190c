package org.quern.text;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.OptionalInt;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The bytes of UTF-8 as tokens: 256 ids, each the byte's unsigned value. No special tokens. */
public final class ByteTokenizer implements Tokenizer {
  private static final int SIZE = 256;

  /** A byte tokenizer; all are alike. */
  public ByteTokenizer() {}

  @Override
  public int vocabularySize() {
    return SIZE;
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
    byte[] bytes = Texts.wellFormed(text).getBytes(StandardCharsets.UTF_8);
    int[] ids = new int[bytes.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = bytes[i] & 0xFF;
    }
    return ids;
  }

  @Override
  public String decode(int[] ids, boolean skipSpecialTokens) {
    Utf8Decoder decoder = new Utf8Decoder();
    StringBuilder out = new StringBuilder(ids.length);
    for (int id : ids) {
      decoder.push((byte) Texts.checkId(id, SIZE), out);
    }
    decoder.finish(out);
    return out.toString();
  }

  @Override
  public String token(int id) {
    return String.valueOf(ByteLetters.letters()[Texts.checkId(id, SIZE)]);
  }

  @Override
  public boolean isSpecial(int id) {
    Texts.checkId(id, SIZE);
    return false;
  }

  @Override
  public StreamingDecoder streamingDecoder() {
    return new ByteStreamingDecoder(id -> new byte[] {(byte) Texts.checkId(id, SIZE)});
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
    return "bytes, 256 tokens";
  }

  private static byte[] definition(JsonMapper json) {
    ObjectNode root = TokenizerFolder.bpe(json);
    root.set("pre_tokenizer", TokenizerFolder.byteLevel(json, false));
    root.set("decoder", TokenizerFolder.byteLevel(json, false));
    ObjectNode vocabulary = root.withObject("/model/vocab");
    char[] letters = ByteLetters.letters();
    for (int b = 0; b < SIZE; b++) {
      vocabulary.put(String.valueOf(letters[b]), b);
    }
    return json.writeValueAsBytes(root);
  }
}
