package org.quern.format;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/**
 * Safetensors files put together byte by byte, right or wrong, and where the reference cases lie.
 */
final class RawSafetensors {
  private RawSafetensors() {}

  static byte[] bytes(long declaredLength, byte[] header, byte[] data) {
    return ByteBuffer.allocate(8 + header.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(declaredLength)
        .put(header)
        .put(data)
        .array();
  }

  static byte[] bytes(String header, int dataBytes) {
    byte[] data = new byte[dataBytes];
    for (int i = 0; i < dataBytes; i++) {
      data[i] = (byte) (i * 37 + 11);
    }
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    return bytes(text.length, text, data);
  }

  static Path write(Path file, byte[] content) {
    try {
      return Files.write(file, content);
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
  }

  static Path write(Path file, String header, int dataBytes) {
    return write(file, bytes(header, dataBytes));
  }

  static MemorySegment floats(float... values) {
    MemorySegment bytes = MemorySegment.ofArray(new byte[values.length * 4]);
    for (int i = 0; i < values.length; i++) {
      bytes.set(ValueLayout.JAVA_FLOAT_UNALIGNED, i * 4L, values[i]);
    }
    return bytes;
  }

  /** A folder of the reference inputs; the calling test is skipped where they are absent. */
  static Path shared(String name) {
    Path path = Path.of(System.getProperty("quern.shared", "../shared")).resolve(name);
    Assumptions.assumeTrue(Files.exists(path), () -> "skipped: " + path + " is not there");
    return path;
  }
}
