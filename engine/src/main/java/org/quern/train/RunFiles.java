package org.quern.train;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/** What checkpoints and logs do with files. */
final class RunFiles {
  private static final int CHUNK = 1 << 20;

  private RunFiles() {}

  /** Deletes a folder with all that is in it, if it is there. */
  static void deleteTree(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    List<Path> all;
    try (Stream<Path> found = Files.walk(folder)) {
      all = found.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : all) {
      Files.deleteIfExists(path);
    }
  }

  /** The files in a folder and the folders in it. */
  static List<Path> filesIn(Path folder) throws IOException {
    try (Stream<Path> found = Files.walk(folder)) {
      return found.filter(Files::isRegularFile).sorted().toList();
    }
  }

  /** Brings a folder with all that is in it to the disk. */
  static void syncTree(Path folder) throws IOException {
    List<Path> all;
    try (Stream<Path> found = Files.walk(folder)) {
      all = found.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : all) {
      if (Files.isDirectory(path)) {
        syncFolder(path);
      } else {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
          channel.force(true);
        }
      }
    }
  }

  /** Brings renames and deletions in a folder to the disk, on systems that know such a thing. */
  static void syncFolder(Path folder) {
    try (FileChannel directory = FileChannel.open(folder, StandardOpenOption.READ)) {
      directory.force(true);
    } catch (IOException unsupported) {
      // Windows and some network file systems cannot open a folder; there the rename is all.
      return;
    }
  }

  /** The CRC-32C of a file's bytes. */
  static long checksum(Path file) throws IOException {
    CRC32C crc = new CRC32C();
    ByteBuffer buffer = ByteBuffer.allocateDirect(CHUNK);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      while (channel.read(buffer.clear()) >= 0) {
        crc.update(buffer.flip());
      }
    }
    return crc.getValue();
  }

  /** What went wrong, in the system's words. */
  static String reason(IOException failed) {
    String message = failed.getMessage();
    if (failed instanceof NoSuchFileException) {
      return message + " does not exist";
    }
    return message == null ? failed.getClass().getSimpleName() : message;
  }
}
