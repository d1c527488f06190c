package org.quern.text;

import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import tools.jackson.databind.json.JsonMapper;

/**
 * Any {@code tokenizer.json}, read by Hugging Face's own library (Rust, through DJL), without
 * network. It holds memory outside the heap until it is closed.
 */
public final class HuggingFaceTokenizer implements Tokenizer {
  private final Tokenizers.Source source;
  private final ai.djl.huggingface.tokenizers.HuggingFaceTokenizer library;
  private final BitSet special = new BitSet();
  private final BitSet byteTokens = new BitSet();
  private final ReentrantReadWriteLock closing = new ReentrantReadWriteLock();
  private boolean closed;

  private HuggingFaceTokenizer(
      Tokenizers.Source source, ai.djl.huggingface.tokenizers.HuggingFaceTokenizer library) {
    this.source = source;
    this.library = library;
    for (AddedToken token : source.definition().added()) {
      special.set(token.id(), token.special());
    }
    List<String> tokens = source.definition().tokens();
    boolean fallsBack =
        source.definition().root().path("decoder").toString().contains("ByteFallback");
    for (int id = 0; fallsBack && id < tokens.size(); id++) {
      byteTokens.set(id, tokens.get(id).matches("<0x[0-9A-F]{2}>"));
    }
  }

  /**
   * Reads a {@code tokenizer.json} with the library even where Quern could read it itself.
   *
   * @param path the folder, or the {@code tokenizer.json} itself
   * @throws TokenizerException if it is missing or malformed, or if the library cannot be loaded
   */
  public static HuggingFaceTokenizer read(Path path) {
    return of(Tokenizers.Source.of(TokenizerFiles.of(path)));
  }

  static HuggingFaceTokenizer of(Tokenizers.Source source) {
    return new HuggingFaceTokenizer(source, HuggingFaceLibrary.open(source));
  }

  @Override
  public int vocabularySize() {
    return source.definition().tokens().size();
  }

  @Override
  public OptionalInt beginOfText() {
    return source.beginOfText();
  }

  @Override
  public OptionalInt endOfText() {
    return source.endOfText();
  }

  @Override
  public int[] encode(String text, boolean addSpecialTokens) {
    closing.readLock().lock();
    try {
      checkOpen();
      long[] ids = HuggingFaceLibrary.encode(library, Texts.wellFormed(text), addSpecialTokens);
      int[] out = new int[ids.length];
      for (int i = 0; i < out.length; i++) {
        out[i] = Math.toIntExact(ids[i]);
      }
      return out;
    } finally {
      closing.readLock().unlock();
    }
  }

  @Override
  public String decode(int[] ids, boolean skipSpecialTokens) {
    long[] wide = new long[ids.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = Texts.checkId(ids[i], vocabularySize());
    }
    closing.readLock().lock();
    try {
      checkOpen();
      return wide.length == 0 ? "" : HuggingFaceLibrary.decode(library, wide, skipSpecialTokens);
    } finally {
      closing.readLock().unlock();
    }
  }

  @Override
  public String token(int id) {
    return source.definition().tokens().get(Texts.checkId(id, vocabularySize()));
  }

  @Override
  public boolean isSpecial(int id) {
    return special.get(Texts.checkId(id, vocabularySize()));
  }

  boolean isByteToken(int id) {
    return byteTokens.get(id);
  }

  @Override
  public StreamingDecoder streamingDecoder() {
    return new WindowStreamingDecoder(this);
  }

  /** Before a plain space that follows a letter or a digit. */
  @Override
  public int lastBoundary(String text) {
    for (int i = text.length() - 1; i > 0; i--) {
      if (text.charAt(i) == ' ' && Character.isLetterOrDigit(text.charAt(i - 1))) {
        return i;
      }
    }
    return -1;
  }

  /** Writes the files as they were read. */
  @Override
  public void save(Path folder) {
    JsonMapper json = TokenizerFolder.writer();
    TokenizerFolder.write(
        folder,
        source.content(),
        source.config().orElseGet(() -> TokenizerFolder.config(json, this)));
  }

  @Override
  public long fingerprint() {
    return TokenizerFolder.fingerprint(source.content());
  }

  @Override
  public String describe() {
    return "%s of %s, %,d tokens, read by Hugging Face's library"
        .formatted(source.definition().modelType(), source.file(), vocabularySize());
  }

  @Override
  public void close() {
    closing.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        library.close();
      }
    } finally {
      closing.writeLock().unlock();
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new TokenizerException(
          "The tokenizer of " + source.file() + " is closed; read it again to use it.");
    }
  }
}
