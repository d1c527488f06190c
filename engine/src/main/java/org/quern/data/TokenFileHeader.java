package org.quern.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32C;

/**
 * The first 64 bytes of a token file, little-endian: {@code magic[8] version:i32 width:i32
 * vocabulary:i32 tokensCrc:i32 tokens:i64 fingerprint:i64 characters:i64 textBytes:i64 reserved:i32
 * headerCrc:i32}. Tokens follow at once.
 *
 * @param width bytes a token: 2 (unsigned) or 4
 * @param vocabularySize the size of the vocabulary
 * @param tokensCrc CRC-32C of the tokens' bytes
 * @param tokens how many there are
 * @param fingerprint of the tokenizer
 * @param characters Unicode characters of the text
 * @param textBytes its size in UTF-8
 */
record TokenFileHeader(
    int width,
    int vocabularySize,
    int tokensCrc,
    long tokens,
    long fingerprint,
    long characters,
    long textBytes) {
  static final int BYTES = 64;
  private static final int VERSION = 1;
  private static final byte[] MAGIC = "QUERNTOK".getBytes(StandardCharsets.US_ASCII);

  ByteBuffer write() {
    ByteBuffer out = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
    out.put(MAGIC).putInt(VERSION).putInt(width).putInt(vocabularySize).putInt(tokensCrc);
    out.putLong(tokens).putLong(fingerprint).putLong(characters).putLong(textBytes);
    out.putInt(0).putInt(crc(out.array()));
    return out.flip();
  }

  /** Reads a header of a file of so many bytes, and holds it against the size. */
  static TokenFileHeader read(ByteBuffer buffer, long fileBytes, String file) {
    ByteBuffer in = buffer.order(ByteOrder.LITTLE_ENDIAN);
    byte[] header = new byte[BYTES];
    in.get(0, header, 0, Math.min(BYTES, in.remaining()));
    if (in.remaining() < MAGIC.length || !Arrays.equals(header, 0, 8, MAGIC, 0, 8)) {
      throw new CorpusException(
          file + " is not a token file of Quern; give one that `train` or `tokenize` wrote.");
    }
    if (in.remaining() < BYTES) {
      throw new CorpusException(file + " ends within its header; it was cut off, write it again.");
    }
    in.position(MAGIC.length);
    int version = in.getInt();
    if (version != VERSION) {
      throw new CorpusException(
          file
              + " has version "
              + version
              + " of the token file format and this Quern reads version "
              + VERSION
              + "; write it again.");
    }
    int width = in.getInt();
    int vocabulary = in.getInt();
    int tokensCrc = in.getInt();
    TokenFileHeader read =
        new TokenFileHeader(
            width, vocabulary, tokensCrc, in.getLong(), in.getLong(), in.getLong(), in.getLong());
    in.getInt();
    boolean sound = in.getInt() == crc(header) && read.isSound();
    if (!sound) {
      throw new CorpusException(file + " has a damaged header; write it again.");
    }
    if (read.tokens > (fileBytes - BYTES) / width || fileBytes != BYTES + read.tokens * width) {
      throw new CorpusException(
          "%s has %,d bytes where its header promises %,d tokens of %d bytes; it was cut off or added to, write it again."
              .formatted(file, fileBytes, read.tokens, width));
    }
    return read;
  }

  private boolean isSound() {
    boolean fits = width == Integer.BYTES || width == Short.BYTES && vocabularySize <= 1 << 16;
    return fits && vocabularySize > 0 && tokens > 0;
  }

  private static int crc(byte[] header) {
    CRC32C crc = new CRC32C();
    crc.update(header, 0, BYTES - Integer.BYTES);
    return (int) crc.getValue();
  }
}
