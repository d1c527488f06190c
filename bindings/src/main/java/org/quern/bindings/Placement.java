package org.quern.bindings;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/**
 * Puts a packed library into a folder, under a name that its content decides: {@code
 * <folder>/<name>/<sha256>/<file>}. Any number of processes may do so at once, and die at any
 * moment: what stands under the final name is whole, or is made again.
 *
 * @param library what to place
 * @param host whose mounts and users count
 */
record Placement(PackedLibrary library, Host host) {
  private static final Duration ABANDONED = Duration.ofHours(1);
  private static final int OTHERS_MAY_WRITE = 0022;
  private static final int ANYONE_MAY_WRITE = 0002;
  private static final int STICKY = 01000;

  /** The placed file, verified. */
  Path in(CacheFolder folder) throws Refusal {
    Path base = folder.path();
    refuseNoexec(base);
    try {
      Files.createDirectories(base, permissions("rwx------"));
      base = base.toRealPath();
      refuseNoexec(base);
      refuseOpen(base);
      Path named = privateFolder(base.resolve(name(folder)));
      Path place = privateFolder(named.resolve(library.manifest().sha256()));
      Path file = place.resolve(library.manifest().file());
      if (library.isAt(file)) {
        refuseForeign(file);
      } else {
        write(file);
      }
      return file;
    } catch (IOException e) {
      throw Failures.refusal(e, base, host);
    }
  }

  private String name(CacheFolder folder) {
    String name = library.spec().name();
    return folder.shared() && host.platform().isPosix() ? name + "-" + Libc.effectiveUser() : name;
  }

  private void refuseNoexec(Path path) throws Refusal {
    Optional<MountTable.Mount> mount = host.mounts().of(path).filter(m -> m.has("noexec"));
    if (mount.isPresent()) {
      throw new Refusal(
          Verdict.NOEXEC,
          "%s allows no execution (%s mounted noexec at %s)"
              .formatted(path, mount.get().type(), mount.get().point()));
    }
  }

  /** A folder in which anyone may rename ours away is no better than one of someone else's. */
  private void refuseOpen(Path base) throws IOException, Refusal {
    if (host.platform().isPosix()) {
      int mode = (int) Files.getAttribute(base, "unix:mode");
      if ((mode & ANYONE_MAY_WRITE) != 0 && (mode & STICKY) == 0) {
        throw new Refusal(
            Verdict.NOT_PRIVATE, base + " may be written by anyone and has no sticky bit");
      }
    }
  }

  private Path privateFolder(Path folder) throws IOException, Refusal {
    try {
      Files.createDirectory(folder, permissions("rwx------"));
    } catch (FileAlreadyExistsException e) {
      if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
        throw new Refusal(Verdict.NOT_PRIVATE, folder + " is not a folder");
      }
    }
    refuseForeign(folder);
    return folder;
  }

  /** Refuses what another user than root owns or may write, as it may have been planted. */
  private void refuseForeign(Path path) throws IOException, Refusal {
    if (!host.platform().isPosix()) {
      return;
    }
    int owner = (int) Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
    int mode = (int) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
    if (owner != 0 && owner != Libc.effectiveUser()) {
      throw new Refusal(Verdict.NOT_PRIVATE, path + " belongs to user " + owner);
    }
    if ((mode & OTHERS_MAY_WRITE) != 0) {
      throw new Refusal(
          Verdict.NOT_PRIVATE,
          "%s may be written by others (mode %o)".formatted(path, mode & 07777));
    }
  }

  private void write(Path file) throws IOException, Refusal {
    Path folder = file.resolveSibling("");
    removeAbandoned(folder);
    Path part = file.resolveSibling(file.getFileName() + "." + UUID.randomUUID() + ".part");
    try {
      try (FileChannel out =
          FileChannel.open(
              part,
              Set.of(StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW),
              permissions("r-x------"))) {
        library.copyTo(out);
        out.force(true);
      }
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(part);
    }
    if (host.platform().isPosix()) {
      try (FileChannel opened = FileChannel.open(folder, StandardOpenOption.READ)) {
        opened.force(true);
      }
    }
  }

  /** Parts that a killed process left; recent ones may still be written by a living one. */
  private static void removeAbandoned(Path folder) throws IOException {
    Instant before = Instant.now().minus(ABANDONED);
    try (DirectoryStream<Path> parts = Files.newDirectoryStream(folder, "*.part")) {
      for (Path part : parts) {
        try {
          if (Files.getLastModifiedTime(part, LinkOption.NOFOLLOW_LINKS)
              .toInstant()
              .isBefore(before)) {
            Files.deleteIfExists(part);
          }
        } catch (NoSuchFileException e) {
          // Another process has just finished or removed it.
          continue;
        }
      }
    }
  }

  private FileAttribute<?>[] permissions(String permissions) {
    return host.platform().isPosix()
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
        }
        : new FileAttribute<?>[0];
  }
}
