package org.quern.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.function.LongConsumer;
import java.util.zip.CRC32C;
import org.quern.text.Tokenizer;

/** Writes a token file beside its place and moves it there when it is whole and on the disk. */
final class TokenFileWriter {
  private static final int NARROW = 1 << 16;

  /** A full disk or the like, on its way out of a callback. */
  private static final class WriteFailed extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private final IOException reason;

    WriteFailed(IOException reason) {
      super(reason);
      this.reason = reason;
    }
  }

  private final FileChannel channel;
  private final Tokenizer tokenizer;
  private final int width;
  private final ByteBuffer buffer = ByteBuffer.allocate(1 << 18).order(ByteOrder.LITTLE_ENDIAN);
  private final CRC32C crc = new CRC32C();
  private long tokens;
  private long characters;
  private long textBytes;

  private TokenFileWriter(FileChannel channel, Tokenizer tokenizer) {
    this.channel = channel;
    this.tokenizer = tokenizer;
    this.width = tokenizer.vocabularySize() <= NARROW ? Short.BYTES : Integer.BYTES;
  }

  static void write(Path file, Corpus corpus, Tokenizer tokenizer, LongConsumer progress) {
    Path part =
        file.resolveSibling(file.getFileName() + "." + ProcessHandle.current().pid() + ".part");
    try {
      try {
        Path folder = file.toAbsolutePath().getParent();
        if (folder != null) {
          Files.createDirectories(folder);
        }
        try (FileChannel channel =
            FileChannel.open(
                part,
                StandardOpenOption.CREATE,
                StandardOpenOption.TRUNCATE_EXISTING,
                StandardOpenOption.WRITE)) {
          new TokenFileWriter(channel, tokenizer).write(corpus, progress);
        }
        Files.move(part, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(part);
      }
    } catch (IOException e) {
      throw cannotWrite(file, e);
    } catch (WriteFailed e) {
      throw cannotWrite(file, e.reason);
    }
  }

  private static CorpusException cannotWrite(Path file, IOException e) {
    return new CorpusException(
        "Cannot write the token file "
            + file
            + " ("
            + e.getMessage()
            + "); make room or choose another folder.",
        e);
  }

  private void write(Corpus corpus, LongConsumer progress) throws IOException {
    channel.position(TokenFileHeader.BYTES);
    for (Document document : corpus.documents()) {
      Corpus.read(
          document,
          tokenizer::lastBoundary,
          text -> {
            add(text);
            progress.accept(textBytes);
          });
      tokenizer.endOfText().ifPresent(this::add);
    }
    flush();
    if (tokens == 0) {
      throw new CorpusException(
          "The corpus " + corpus.description() + " is empty; give text to learn from.");
    }
    TokenFileHeader header =
        new TokenFileHeader(
            width,
            tokenizer.vocabularySize(),
            (int) crc.getValue(),
            tokens,
            tokenizer.fingerprint(),
            characters,
            textBytes);
    channel.position(0);
    writeFully(header.write());
    channel.force(true);
  }

  private void add(String text) {
    for (int id : tokenizer.encode(text, false)) {
      add(id);
    }
    characters += text.codePointCount(0, text.length());
    textBytes += utf8Length(text);
  }

  private void add(int id) {
    if (buffer.remaining() < width) {
      flush();
    }
    if (width == Short.BYTES) {
      buffer.putShort((short) id);
    } else {
      buffer.putInt(id);
    }
    tokens++;
  }

  private void flush() {
    buffer.flip();
    crc.update(buffer.duplicate());
    try {
      writeFully(buffer);
    } catch (IOException e) {
      throw new WriteFailed(e);
    }
    buffer.clear();
  }

  private void writeFully(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  private static long utf8Length(String text) {
    long length = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      // Half of a pair counts half of its four bytes.
      length += c < 0x80 ? 1 : c < 0x800 || Character.isSurrogate(c) ? 2 : 3;
    }
    return length;
  }
}
