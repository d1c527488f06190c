package org.quern.bindings;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;

/**
 * What is asked of the machine and of the user's settings; tests put another in its place.
 *
 * @param property looks a system property up
 * @param variable looks an environment variable up
 * @param platform what libraries have to be built for
 * @param mounts what is mounted where, asked once for each search
 */
record Host(
    Function<String, Optional<String>> property,
    Function<String, Optional<String>> variable,
    NativePlatform platform,
    MountTable mounts) {

  static Host current() {
    Function<String, Optional<String>> property =
        key -> Optional.ofNullable(System.getProperty(key));
    NativePlatform platform =
        platform(
            property.apply("os.name").orElse(""),
            property.apply("os.arch").orElse(""),
            text(Path.of("/proc/self/maps")));
    return new Host(
        property,
        key -> Optional.ofNullable(System.getenv(key)),
        platform,
        platform.isLinux()
            ? MountTable.parse(text(Path.of("/proc/self/mountinfo")))
            : MountTable.EMPTY);
  }

  /** The property, or else the variable; blank means absent. */
  Optional<String> setting(String propertyKey, String variableKey) {
    return property
        .apply(propertyKey)
        .filter(value -> !value.isBlank())
        .or(() -> variable.apply(variableKey).filter(value -> !value.isBlank()));
  }

  /**
   * Names a platform.
   *
   * @param maps the virtual machine's own {@code /proc/self/maps}, which tells the C library that
   *     it really runs on even where both are installed; empty if it cannot be read
   */
  static NativePlatform platform(String osName, String osArch, String maps) {
    String name = osName.toLowerCase(Locale.ROOT);
    String os =
        name.startsWith("linux")
            ? "linux"
            : name.startsWith("mac") || name.startsWith("darwin")
                ? "macos"
                : name.startsWith("windows") ? "windows" : word(name);
    String arch =
        switch (osArch.toLowerCase(Locale.ROOT)) {
          case "amd64", "x86_64", "x86-64", "x64" -> "x86_64";
          case "aarch64", "arm64" -> "aarch64";
          case "x86", "i386", "i486", "i586", "i686" -> "i686";
          default -> word(osArch.toLowerCase(Locale.ROOT));
        };
    return new NativePlatform(os, arch, os.equals("linux") ? libc(arch, maps) : "");
  }

  private static String libc(String arch, String maps) {
    if (maps.contains("/ld-musl-") || maps.contains("/libc.musl-")) {
      return "musl";
    }
    if (maps.contains("/ld-linux") || maps.contains("/libc.so.6") || maps.contains("/libc-2.")) {
      return "glibc";
    }
    return Files.exists(Path.of("/lib/ld-musl-" + arch + ".so.1")) ? "musl" : "glibc";
  }

  private static String word(String text) {
    String word = text.replaceAll("[^a-z0-9_]+", "_");
    return word.isEmpty() ? "unknown" : word;
  }

  private static String text(Path file) {
    try {
      return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
    } catch (IOException e) {
      // Without /proc the loader path and the outcome of an attempt have to tell.
      return "";
    }
  }
}
