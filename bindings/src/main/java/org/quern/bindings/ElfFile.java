package org.quern.bindings;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * Whether a library file is whole. Linux's loader maps the segments that an ELF file's header
 * promises without looking whether the file is long enough, and touching what a half-copied file
 * lacks ends the process (SIGBUS) before Java can say anything.
 *
 * @see <a href="https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html">System V
 *     Application Binary Interface, Program Header</a>
 */
final class ElfFile {
  private static final int MAGIC = 0x7F454C46;
  private static final int HEADER_BYTES = 64;
  private static final int IS_64_BIT = 2;
  private static final int IS_BIG_ENDIAN = 2;
  private static final int MOST_ENTRIES = 4096;

  private ElfFile() {}

  /**
   * Refuses an empty file, and a 64-bit ELF file that ends before one of its segments. Anything
   * else is left to the system's loader, which says well what it is instead.
   */
  static void refuseIfCutOff(Path file) throws Refusal, IOException {
    try (FileChannel channel = FileChannel.open(file)) {
      long size = channel.size();
      if (size == 0) {
        throw new Refusal(Verdict.NOT_LOADABLE, file + " is empty");
      }
      ByteBuffer header = read(channel, 0, HEADER_BYTES);
      if (header.limit() < HEADER_BYTES
          || header.getInt(0) != MAGIC
          || header.get(4) != IS_64_BIT) {
        return;
      }
      ByteOrder order =
          header.get(5) == IS_BIG_ENDIAN ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
      header.order(order);
      long table = header.getLong(32);
      int entryBytes = Short.toUnsignedInt(header.getShort(54));
      int entries = Short.toUnsignedInt(header.getShort(56));
      if (entryBytes < 56 || entries > MOST_ENTRIES) {
        throw new Refusal(Verdict.NOT_LOADABLE, file + " has a damaged ELF header");
      }
      int tableBytes = entryBytes * entries;
      ByteBuffer segments = read(channel, table, tableBytes).order(order);
      boolean whole = segments.limit() == tableBytes;
      for (int entry = 0; whole && entry < entries; entry++) {
        long offset = segments.getLong(entry * entryBytes + 8);
        long bytes = segments.getLong(entry * entryBytes + 32);
        whole = offset >= 0 && bytes >= 0 && offset <= size && bytes <= size - offset;
      }
      if (!whole) {
        throw new Refusal(
            Verdict.NOT_LOADABLE, file + " is cut off: its " + size + " bytes are not all of it");
      }
    }
  }

  /** As many of these bytes as the file has. */
  private static ByteBuffer read(FileChannel channel, long offset, int bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(bytes);
    while (offset >= 0
        && buffer.hasRemaining()
        && channel.read(buffer, offset + buffer.position()) > 0) {
      continue;
    }
    return buffer.flip();
  }
}
