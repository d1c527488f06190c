package org.quern.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** Reads UTF-8 strictly and knows where it is. A byte order mark at the start is passed over. */
final class Utf8Reader implements AutoCloseable {
  private final InputStream in;
  private final String name;
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .onUnmappableCharacter(CodingErrorAction.REPORT);
  private final ByteBuffer bytes = ByteBuffer.allocate(1 << 16).flip();
  private final CharBuffer chars = CharBuffer.allocate(1 << 16);
  private long decoded;
  private boolean begun;
  private boolean ended;

  Utf8Reader(InputStream in, String name) {
    this.in = in;
    this.name = name;
  }

  /** Appends up to {@code most ≥ 2} chars; {@code false} at the end of the text. */
  boolean read(StringBuilder out, int most) throws IOException {
    int before = out.length();
    while (out.length() == before) {
      if (ended && !bytes.hasRemaining()) {
        return false;
      }
      decode(out, Math.max(2, most));
      if (out.length() == before && !ended) {
        fill();
      }
    }
    return true;
  }

  private void decode(StringBuilder out, int most) {
    chars.clear().limit(Math.min(chars.capacity(), most));
    int from = bytes.position();
    CoderResult result = decoder.decode(bytes, chars, ended);
    decoded += bytes.position() - from;
    chars.flip();
    if (!begun && chars.hasRemaining()) {
      begun = true;
      if (chars.get(0) == '\uFEFF') {
        chars.get();
      }
    }
    out.append(chars);
    if (result.isMalformed()) {
      throw new CorpusException(
          "%s is not UTF-8: the byte 0x%02X at position %,d (counted from 0) is not part of a character; convert the file to UTF-8 or leave it out."
              .formatted(name, bytes.get(bytes.position()), decoded));
    }
  }

  private void fill() throws IOException {
    bytes.compact();
    int count = in.read(bytes.array(), bytes.position(), bytes.remaining());
    if (count < 0) {
      ended = true;
    } else {
      bytes.position(bytes.position() + count);
    }
    bytes.flip();
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
