package org.quern.bindings;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A folder that a library may be placed under.
 *
 * @param origin what named it, for messages
 * @param path absolute
 * @param shared whether other users have theirs there too, so that the subfolder needs a name of
 *     its own
 */
record CacheFolder(String origin, Path path, boolean shared) {
  static final Path SHARED_MEMORY = Path.of("/dev/shm");

  /** The folders to try, in order, each once. What names no folder is recorded as refused. */
  static List<CacheFolder> candidates(
      Host host, NativeLibrarySpec spec, List<NativeLibrary.Attempt> attempts) {
    List<CacheFolder> folders = new ArrayList<>();
    Collector collector = new Collector(spec, folders, attempts);
    collector.add(
        "system property " + spec.folderProperty(),
        host.property().apply(spec.folderProperty()),
        false,
        true);
    collector.add(
        "environment variable " + spec.folderVariable(),
        host.variable().apply(spec.folderVariable()),
        false,
        true);
    switch (host.platform().os()) {
      case "windows" ->
          collector.add("LOCALAPPDATA", host.variable().apply("LOCALAPPDATA"), false, false);
      case "macos" -> collector.add("the home folder", home(host, "Library/Caches"), false, false);
      default -> {
        collector.add("XDG_CACHE_HOME", host.variable().apply("XDG_CACHE_HOME"), false, false);
        collector.add("the home folder", home(host, ".cache"), false, false);
      }
    }
    collector.add(
        "system property java.io.tmpdir", host.property().apply("java.io.tmpdir"), true, true);
    if (host.platform().isLinux()) {
      collector.add("shared memory", Optional.of(SHARED_MEMORY.toString()), true, true);
    }
    Map<Path, CacheFolder> distinct = new LinkedHashMap<>();
    folders.forEach(folder -> distinct.putIfAbsent(folder.path(), folder));
    return List.copyOf(distinct.values());
  }

  private static Optional<String> home(Host host, String below) {
    return host.property()
        .apply("user.home")
        // "?" is what the virtual machine says for a user without an entry in the password file.
        .filter(home -> !home.isBlank() && !home.equals("?"))
        .map(home -> home + "/" + below);
  }

  private record Collector(
      NativeLibrarySpec spec, List<CacheFolder> folders, List<NativeLibrary.Attempt> attempts) {
    void add(String origin, Optional<String> text, boolean shared, boolean relativeAllowed) {
      if (text.isEmpty() || text.get().isBlank()) {
        return;
      }
      try {
        Path path = Path.of(text.get());
        if (path.isAbsolute() || relativeAllowed) {
          folders.add(new CacheFolder(origin, path.toAbsolutePath().normalize(), shared));
        } else {
          refuse(origin, text.get(), "it is not an absolute path");
        }
      } catch (InvalidPathException e) {
        refuse(origin, text.get(), "it is not a path");
      }
    }

    private void refuse(String origin, String text, String reason) {
      attempts.add(
          NativeLibrary.Attempt.refused(
              spec, origin + " " + text, new Refusal(Verdict.NO_PLACE, reason)));
    }
  }
}
