package org.quern.format;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileStore;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.UUID;

/**
 * A file that is written under another name beside its target and takes the target's place only
 * when it is complete and on the disk. Closed without {@link #commit}, it leaves nothing behind.
 */
final class PendingFile implements AutoCloseable {
  private final Path target;
  private final Path temporary;
  private final FileChannel channel;
  private boolean committed;

  private PendingFile(Path target, Path temporary, FileChannel channel) {
    this.target = target;
    this.temporary = temporary;
    this.channel = channel;
  }

  /**
   * Begins a file that is to take the place of {@code wanted}, or of the file that it leads to.
   *
   * @throws IOException if there is something else, such as a device, which would be lost
   */
  static PendingFile create(Path wanted) throws IOException {
    Path target = Files.isSymbolicLink(wanted) ? wanted.toRealPath() : wanted;
    if (Files.exists(target) && !Files.isRegularFile(target)) {
      throw new FileSystemException(target.toString(), null, "it is there and is no file");
    }
    Path temporary =
        target.resolveSibling("." + target.getFileName() + "." + UUID.randomUUID() + ".tmp");
    return new PendingFile(
        target,
        temporary,
        FileChannel.open(temporary, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW));
  }

  FileChannel channel() {
    return channel;
  }

  Path target() {
    return target;
  }

  /** Brings all that was written to the disk. */
  void sync() throws IOException {
    channel.force(true);
    channel.close();
  }

  /** Puts the file, after {@link #sync}, in its target's place. */
  void commit() throws IOException {
    Files.move(
        temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    committed = true;
  }

  /** The folder that {@code file} lies in. */
  static Path folderOf(Path file) {
    return file.toAbsolutePath().resolveSibling("");
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

  @Override
  public void close() throws IOException {
    channel.close();
    if (!committed) {
      Files.deleteIfExists(temporary);
    }
  }

  /** The exception for a file or folder of {@code bytes} that could not be written. */
  static FormatException failure(Path target, long bytes, IOException cause) {
    Path folder = folderOf(target);
    String reason = Messages.describe(cause);
    String text = reason.toLowerCase(Locale.ROOT);
    if (text.contains("no space left")
        || text.contains("quota")
        || text.contains("not enough space")) {
      return new FormatException(
          ("%s was not written because the disk is full: it takes %,d bytes and %,d are free;"
                  + " free some or choose another folder.")
              .formatted(target, bytes, free(folder)),
          cause);
    }
    if (cause instanceof NoSuchFileException) {
      return new FormatException(
          "%s was not written because the folder %s does not exist; create it first."
              .formatted(target, folder),
          cause);
    }
    return new FormatException(
        "%s was not written (%s: %s); check the folder and its permissions."
            .formatted(target, cause.getClass().getSimpleName(), Messages.plain(reason)),
        cause);
  }

  private static long free(Path folder) {
    try {
      FileStore store = Files.getFileStore(folder);
      return store.getUsableSpace();
    } catch (IOException unknown) {
      // The figure only adorns a message about another failure.
      return 0;
    }
  }
}
