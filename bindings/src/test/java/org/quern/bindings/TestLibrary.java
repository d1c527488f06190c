package org.quern.bindings;

import java.io.IOException;
import java.io.OutputStream;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;

/**
 * A small C library, compiled by the test that needs it, and jars around it.
 *
 * @param file the compiled library
 */
record TestLibrary(Path file) {
  static final String NAME = "mill";

  private static final String SOURCE =
      """
      static int count;
      int mill_answer(void) { return 42; }
      int mill_count(void) { return ++count; }
      void mill_wait(volatile int *flags) { flags[0] = 1; while (!flags[1]) { } }
      """;

  /** Compiles it into the folder, or skips the test, saying so, where there is no C compiler. */
  static TestLibrary compile(Path folder) throws IOException, InterruptedException {
    Path source = Files.writeString(folder.resolve("mill.c"), SOURCE);
    Path library = folder.resolve("libmill.so");
    TestCompiler.cc("-shared", "-fPIC", "-O1", "-o", library.toString(), source.toString());
    return new TestLibrary(library);
  }

  byte[] bytes() throws IOException {
    return Files.readAllBytes(file);
  }

  /** What a true {@code library.properties} says. */
  Map<String, String> manifest(NativePlatform platform) throws IOException {
    Map<String, String> manifest = new LinkedHashMap<>();
    manifest.put("name", NAME);
    manifest.put("file", "libmill.so");
    manifest.put("size", Long.toString(Files.size(file)));
    manifest.put("sha256", PackedLibrary.sha256(file));
    manifest.put("platform", platform.id());
    manifest.put("tiers", "scalar, avx2");
    return manifest;
  }

  /** A jar that holds the library as it should. */
  Path jar(Path jar, NativePlatform platform) throws IOException {
    return jar(jar, platform, manifest(platform), bytes());
  }

  /** A jar that holds whatever it is given. */
  static Path jar(Path jar, NativePlatform platform, Map<String, String> manifest, byte[] library)
      throws IOException {
    String folder = "META-INF/" + NAME + "-native/" + platform.id() + "/";
    try (OutputStream out = Files.newOutputStream(jar);
        JarOutputStream entries = new JarOutputStream(out)) {
      entries.putNextEntry(new JarEntry(folder + "library.properties"));
      for (Map.Entry<String, String> line : manifest.entrySet()) {
        entries.write(
            (line.getKey() + "=" + line.getValue() + "\n").getBytes(StandardCharsets.UTF_8));
      }
      entries.putNextEntry(new JarEntry(folder + "libmill.so"));
      entries.write(library);
    }
    return jar;
  }

  static URLClassLoader loader(Path... jars) {
    return new URLClassLoader(
        Arrays.stream(jars).map(TestLibrary::url).toArray(URL[]::new),
        ClassLoader.getPlatformClassLoader());
  }

  private static URL url(Path path) {
    try {
      return path.toUri().toURL();
    } catch (MalformedURLException e) {
      throw new AssertionError(e);
    }
  }
}
