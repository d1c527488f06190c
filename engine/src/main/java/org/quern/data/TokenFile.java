package org.quern.data;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.LongConsumer;
import java.util.zip.CRC32C;
import org.quern.text.Tokenizer;

/**
 * A text as token ids in a file, mapped and not read: it may be far larger than memory. The file
 * carries the fingerprint of the tokenizer that made it. Closing it ends the mapping and every
 * {@link TokenSpan} of it.
 */
public final class TokenFile implements AutoCloseable {
  private static final long CRC_STEP = 1L << 28;

  private final Path file;
  private final TokenFileHeader header;
  private final Arena arena;
  private final MemorySegment tokens;

  private TokenFile(Path file, TokenFileHeader header, Arena arena, MemorySegment tokens) {
    this.file = file;
    this.header = header;
    this.arena = arena;
    this.tokens = tokens;
  }

  /**
   * Encodes a corpus into a file and opens it. Memory stays small whatever the size of the corpus;
   * where the tokenizer has a token that ends a text, it is written after each document.
   *
   * @throws CorpusException if the text cannot be read or is not UTF-8, or the file not written
   * @throws org.quern.text.TokenizerException if the tokenizer cannot express the text
   */
  public static TokenFile write(Path file, Corpus corpus, Tokenizer tokenizer) {
    return write(file, corpus, tokenizer, bytes -> {});
  }

  /**
   * As above.
   *
   * @param progress told the bytes of text encoded so far, now and then
   */
  public static TokenFile write(
      Path file, Corpus corpus, Tokenizer tokenizer, LongConsumer progress) {
    TokenFileWriter.write(file, corpus, tokenizer, progress);
    return open(file);
  }

  /**
   * Maps a token file.
   *
   * @throws CorpusException if it is missing, cut off, or of another kind
   */
  public static TokenFile open(Path file) {
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      ByteBuffer start = ByteBuffer.allocate(TokenFileHeader.BYTES);
      while (start.hasRemaining() && channel.read(start) >= 0) {
        continue;
      }
      long size = channel.size();
      TokenFileHeader header = TokenFileHeader.read(start.flip(), size, file.toString());
      MemorySegment tokens =
          channel.map(
              FileChannel.MapMode.READ_ONLY,
              TokenFileHeader.BYTES,
              size - TokenFileHeader.BYTES,
              arena);
      return new TokenFile(file, header, arena, tokens);
    } catch (IOException e) {
      arena.close();
      throw new CorpusException(
          "Cannot open the token file " + file + " (" + e.getMessage() + "); check the path.", e);
    } catch (CorpusException e) {
      arena.close();
      throw e;
    }
  }

  /** All its tokens. */
  public TokenSpan tokens() {
    return new TokenSpan(tokens, header.width(), header.vocabularySize(), 0, header.tokens());
  }

  /** The size of the vocabulary. */
  public int vocabularySize() {
    return header.vocabularySize();
  }

  /** Unicode characters of the text. */
  public long characters() {
    return header.characters();
  }

  /** Bytes of the text in UTF-8. */
  public long textBytes() {
    return header.textBytes();
  }

  /** Whether the tokenizer is the one that made this file. */
  public boolean isOf(Tokenizer tokenizer) {
    return tokenizer.fingerprint() == header.fingerprint();
  }

  /**
   * Insists on it.
   *
   * @throws CorpusException if the tokenizer is another
   */
  public void require(Tokenizer tokenizer) {
    if (!isOf(tokenizer)) {
      throw new CorpusException(
          file
              + " was written with another tokenizer than "
              + tokenizer.describe()
              + "; write it again, or use the tokenizer it was written with.");
    }
  }

  /**
   * Reads all tokens once and compares their checksum.
   *
   * @throws CorpusException if they have changed since they were written
   */
  public void verify() {
    if (!arena.scope().isAlive()) {
      throw new CorpusException("The token file " + file + " has been closed; open it again.");
    }
    CRC32C crc = new CRC32C();
    for (long at = 0; at < tokens.byteSize(); at += CRC_STEP) {
      crc.update(tokens.asSlice(at, Math.min(CRC_STEP, tokens.byteSize() - at)).asByteBuffer());
    }
    if ((int) crc.getValue() != header.tokensCrc()) {
      throw new CorpusException(file + " has changed since it was written; write it again.");
    }
  }

  /** Ends the mapping; a second call does nothing. */
  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
