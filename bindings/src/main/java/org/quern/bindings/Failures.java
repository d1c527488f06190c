package org.quern.bindings;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/** Tells apart the ways in which a file system says no. */
final class Failures {
  private Failures() {}

  /** The refusal that a failure to write under a folder amounts to. */
  static Refusal refusal(IOException e, Path folder, Host host) {
    String text = say(e);
    String lower = text.toLowerCase(Locale.ROOT);
    if (lower.contains("no space left") || lower.contains("quota exceeded")) {
      return new Refusal(Verdict.NO_SPACE, folder + " has no space left (" + text + ")");
    }
    Optional<MountTable.Mount> mount = host.mounts().of(folder).filter(m -> m.has("ro"));
    if (mount.isPresent() || lower.contains("read-only file system")) {
      return new Refusal(
          Verdict.READ_ONLY,
          folder
              + " is read-only"
              + mount.map(m -> " (" + m.type() + " mounted ro at " + m.point() + ")").orElse(""));
    }
    if (e instanceof AccessDeniedException || lower.contains("not permitted")) {
      return new Refusal(Verdict.NO_PERMISSION, folder + " may not be written (" + text + ")");
    }
    if (e instanceof FileAlreadyExistsException || lower.contains("not a directory")) {
      return new Refusal(Verdict.NO_PLACE, folder + " is not a folder");
    }
    return new Refusal(Verdict.IO_ERROR, text);
  }

  /** An input/output failure in words. */
  static String say(IOException e) {
    String message = e.getMessage();
    String text = message == null ? "" : message;
    return switch (e) {
      case AccessDeniedException denied -> "permission denied: " + text;
      case FileSystemException known when known.getReason() != null -> text;
      default -> e.getClass().getSimpleName() + (text.isEmpty() ? "" : ": " + text);
    };
  }
}
