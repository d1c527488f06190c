package org.quern.bindings;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * A library inside a jar, with its manifest.
 *
 * @param spec which library
 * @param manifest what the jar says of it
 */
record PackedLibrary(NativeLibrarySpec spec, NativeManifest manifest) {
  /** Finds the manifest for the platform and checks that it speaks of this library. */
  static PackedLibrary find(NativeLibrarySpec spec, NativePlatform platform) throws Refusal {
    String resource = spec.resource(platform.id(), "library.properties");
    NativeManifest manifest;
    try (InputStream in = spec.resources().getResourceAsStream(resource)) {
      if (in == null) {
        throw new Refusal(
            Verdict.NOT_PACKED,
            "no jar holds " + spec.name() + " for " + platform.id() + others(spec));
      }
      manifest = NativeManifest.read(in);
    } catch (IOException e) {
      throw new Refusal(Verdict.BAD_MANIFEST, resource + " cannot be read: " + Failures.say(e));
    } catch (NativeLibraryException e) {
      throw new Refusal(
          Verdict.BAD_MANIFEST, String.valueOf(e.getMessage()).replaceFirst("\\.$", ""));
    }
    if (!manifest.name().equals(spec.name()) || !manifest.platform().equals(platform.id())) {
      throw new Refusal(
          Verdict.BAD_MANIFEST,
          "%s speaks of %s for %s".formatted(resource, manifest.name(), manifest.platform()));
    }
    return new PackedLibrary(spec, manifest);
  }

  private static String others(NativeLibrarySpec spec) {
    List<String> packed =
        NativePlatform.USUAL.stream()
            .filter(
                id -> spec.resources().getResource(spec.resource(id, "library.properties")) != null)
            .toList();
    return packed.isEmpty() ? "" : " (it is there for " + String.join(", ", packed) + ")";
  }

  /** Where it lies in the jar. */
  String resource() {
    return spec.resource(manifest.platform(), manifest.file());
  }

  /** Whether the file is this library, byte for byte. */
  boolean isAt(Path file) throws IOException {
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
        || Files.size(file) != manifest.size()) {
      return false;
    }
    return isAsPacked(file) || sha256(file).equals(manifest.sha256());
  }

  /** Bytes are compared in much less time than it takes to compute a digest of them. */
  private boolean isAsPacked(Path file) throws IOException {
    byte[] placed = Files.readAllBytes(file);
    try (InputStream in = spec.resources().getResourceAsStream(resource())) {
      return in != null && Arrays.equals(placed, in.readNBytes(placed.length + 1));
    } catch (IOException e) {
      // A damaged jar is no hindrance where the library stands already.
      return false;
    }
  }

  /**
   * Writes the library, and checks size and digest on the way.
   *
   * @throws Refusal if the jar holds something other than its manifest says
   * @throws IOException if the channel cannot be written
   */
  void copyTo(FileChannel out) throws IOException, Refusal {
    MessageDigest digest = digest();
    long size = 0;
    try (InputStream in = spec.resources().getResourceAsStream(resource())) {
      if (in == null) {
        throw new Refusal(
            Verdict.DAMAGED_PACKAGE, "the manifest is there, but " + resource() + " is not");
      }
      byte[] buffer = new byte[1 << 16];
      for (int read = read(in, buffer); read >= 0; read = read(in, buffer)) {
        size += read;
        if (size > manifest.size()) {
          break;
        }
        digest.update(buffer, 0, read);
        ByteBuffer bytes = ByteBuffer.wrap(buffer, 0, read);
        while (bytes.hasRemaining()) {
          out.write(bytes);
        }
      }
    }
    if (size != manifest.size()) {
      throw new Refusal(
          Verdict.DAMAGED_PACKAGE,
          "%s is %s than the %,d bytes of its manifest"
              .formatted(
                  resource(), size > manifest.size() ? "larger" : "smaller", manifest.size()));
    }
    String sha256 = HexFormat.of().formatHex(digest.digest());
    if (!sha256.equals(manifest.sha256())) {
      throw new Refusal(
          Verdict.DAMAGED_PACKAGE,
          "%s has the SHA-256 %s, and its manifest says %s"
              .formatted(resource(), sha256, manifest.sha256()));
    }
  }

  private int read(InputStream in, byte[] buffer) throws Refusal {
    try {
      return in.read(buffer);
    } catch (IOException e) {
      throw new Refusal(
          Verdict.DAMAGED_PACKAGE, resource() + " cannot be read: " + Failures.say(e));
    }
  }

  static String sha256(Path file) throws IOException {
    MessageDigest digest = digest();
    try (InputStream in = Files.newInputStream(file)) {
      byte[] buffer = new byte[1 << 16];
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        digest.update(buffer, 0, read);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new NativeLibraryException("This Java has no SHA-256, which every Java must have.", e);
    }
  }
}
