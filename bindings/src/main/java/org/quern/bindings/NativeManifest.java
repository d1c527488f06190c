package org.quern.bindings;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.regex.Pattern;

/**
 * What {@code library.properties} beside a packed library says of it.
 *
 * @param name the library's name, as in {@link NativeLibrarySpec#name()}
 * @param file its file name, such as {@code libquern.so}: no folders where a jar says it
 * @param size its size in bytes
 * @param sha256 the SHA-256 of its bytes, 64 lower-case hexadecimal digits
 * @param platform what it was built for, as in {@link NativePlatform#id()}
 * @param tiers the instruction sets it holds code for, such as {@code scalar}, {@code avx2}; may be
 *     empty
 */
public record NativeManifest(
    String name, String file, long size, String sha256, String platform, List<String> tiers) {
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
  private static final Pattern FILE = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}");
  private static final long MAX_MANIFEST_BYTES = 64 * 1024;

  /**
   * A manifest whose parts are of the right form.
   *
   * @throws NativeLibraryException if one is not
   */
  public NativeManifest {
    check(size > 0, "size", Long.toString(size), "a number of bytes above zero");
    check(SHA256.matcher(sha256).matches(), "sha256", sha256, "64 lower-case hexadecimal digits");
    tiers = List.copyOf(tiers);
  }

  /** Reads the form that {@link Properties#load(InputStream)} reads. */
  static NativeManifest read(InputStream in) throws IOException {
    byte[] bytes = in.readNBytes((int) MAX_MANIFEST_BYTES + 1);
    if (bytes.length > MAX_MANIFEST_BYTES) {
      throw new NativeLibraryException("library.properties is larger than 64 KiB.");
    }
    Properties properties = new Properties();
    try {
      properties.load(new ByteArrayInputStream(bytes));
    } catch (IllegalArgumentException e) {
      throw new NativeLibraryException("library.properties has a malformed \\u escape.", e);
    }
    String file = required(properties, "file");
    check(FILE.matcher(file).matches(), "file", file, "a plain file name");
    String size = required(properties, "size");
    long bytesOfLibrary;
    try {
      bytesOfLibrary = Long.parseLong(size);
    } catch (NumberFormatException e) {
      throw new NativeLibraryException(wrong("size", size, "a number of bytes above zero"), e);
    }
    return new NativeManifest(
        required(properties, "name"),
        file,
        bytesOfLibrary,
        required(properties, "sha256"),
        required(properties, "platform"),
        Arrays.stream(properties.getProperty("tiers", "").split(","))
            .map(String::strip)
            .filter(tier -> !tier.isEmpty())
            .toList());
  }

  private static String required(Properties properties, String key) {
    String value = properties.getProperty(key);
    if (value == null || value.isBlank()) {
      throw new NativeLibraryException("library.properties lacks the key " + key + ".");
    }
    return value.strip();
  }

  private static void check(boolean holds, String key, String value, String wanted) {
    if (!holds) {
      throw new NativeLibraryException(wrong(key, value, wanted));
    }
  }

  private static String wrong(String key, String value, String wanted) {
    return "library.properties says " + key + "=" + value + ", which is not " + wanted + ".";
  }
}
