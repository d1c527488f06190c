package org.quern.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Writes a GGUF file, version 3, whose weights are random: metadata, then the list of tensors, then
 * the tensors. Source: {@code docs/gguf.md} of the ggml project.
 */
final class GgufFile {
  private static final int VERSION = 3;
  private static final int ALIGNMENT = 32;
  private static final int BUFFER = 1 << 22;
  private static final int UINT32 = 4;
  private static final int INT32 = 5;
  private static final int FLOAT32 = 6;
  private static final int BOOL = 7;
  private static final int STRING = 8;
  private static final int ARRAY = 9;
  private static final int F32_TENSOR = 0;
  private static final int BF16_TENSOR = 30;

  private record Tensor(String name, long[] sizes, boolean ones, boolean half) {
    long elements() {
      long product = 1;
      for (long size : sizes) {
        product *= size;
      }
      return product;
    }

    long bytes() {
      return elements() * (half ? Short.BYTES : Float.BYTES);
    }
  }

  private final ByteBuffer metadata = ByteBuffer.allocate(BUFFER).order(ByteOrder.LITTLE_ENDIAN);
  private final List<Tensor> tensors = new ArrayList<>();
  private final boolean half;
  private int entries;

  /**
   * @param half whether matrices are BF16, rather than F32
   */
  GgufFile(boolean half) {
    this.half = half;
  }

  private void key(String name, int type) {
    string(name);
    metadata.putInt(type);
    entries++;
  }

  private void string(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    metadata.putLong(bytes.length).put(bytes);
  }

  void text(String name, String value) {
    key(name, STRING);
    string(value);
  }

  void number(String name, int value) {
    key(name, UINT32);
    metadata.putInt(value);
  }

  void real(String name, float value) {
    key(name, FLOAT32);
    metadata.putFloat(value);
  }

  void flag(String name, boolean value) {
    key(name, BOOL);
    metadata.put((byte) (value ? 1 : 0));
  }

  void texts(String name, List<String> values) {
    key(name, ARRAY);
    metadata.putInt(STRING).putLong(values.size());
    values.forEach(this::string);
  }

  void numbers(String name, int[] values) {
    key(name, ARRAY);
    metadata.putInt(INT32).putLong(values.length);
    for (int value : values) {
      metadata.putInt(value);
    }
  }

  void reals(String name, float[] values) {
    key(name, ARRAY);
    metadata.putInt(FLOAT32).putLong(values.length);
    for (float value : values) {
      metadata.putFloat(value);
    }
  }

  /** A matrix whose rows have {@code in} random numbers each. */
  void matrix(String name, int in, int out) {
    tensors.add(new Tensor(name, new long[] {in, out}, false, half));
  }

  /** A vector of random numbers, or of ones. */
  void vector(String name, int size, boolean ones) {
    tensors.add(new Tensor(name, new long[] {size}, ones, false));
  }

  void write(Path file) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER).order(ByteOrder.LITTLE_ENDIAN);
      buffer.put("GGUF".getBytes(StandardCharsets.US_ASCII));
      buffer.putInt(VERSION).putLong(tensors.size()).putLong(entries);
      flush(buffer, channel);
      metadata.flip();
      write(metadata, channel);
      long offset = 0;
      for (Tensor tensor : tensors) {
        byte[] name = tensor.name().getBytes(StandardCharsets.UTF_8);
        buffer.putLong(name.length).put(name).putInt(tensor.sizes().length);
        for (long size : tensor.sizes()) {
          buffer.putLong(size);
        }
        buffer.putInt(tensor.half() ? BF16_TENSOR : F32_TENSOR).putLong(offset);
        offset += aligned(tensor.bytes());
        flush(buffer, channel);
      }
      pad(buffer, channel);
      SplittableRandom random = new SplittableRandom(1);
      for (Tensor tensor : tensors) {
        fill(tensor, random, buffer, channel);
        pad(buffer, channel);
      }
    }
  }

  private static long aligned(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private static void pad(ByteBuffer buffer, FileChannel channel) throws IOException {
    long position = channel.position();
    buffer.put(new byte[(int) (aligned(position) - position)]);
    flush(buffer, channel);
  }

  private static void fill(
      Tensor tensor, SplittableRandom random, ByteBuffer buffer, FileChannel channel)
      throws IOException {
    for (long i = 0; i < tensor.elements(); i++) {
      if (buffer.remaining() < Float.BYTES) {
        flush(buffer, channel);
      }
      float value = tensor.ones() ? 1 : 0.07f * ((float) random.nextDouble() - 0.5f);
      if (tensor.half()) {
        buffer.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
      } else {
        buffer.putFloat(value);
      }
    }
    flush(buffer, channel);
  }

  private static void flush(ByteBuffer buffer, FileChannel channel) throws IOException {
    buffer.flip();
    write(buffer, channel);
    buffer.clear();
  }

  private static void write(ByteBuffer buffer, FileChannel channel) throws IOException {
    while (buffer.hasRemaining()) {
      if (channel.write(buffer) < 0) {
        throw new UncheckedIOException(new IOException("The file cannot be written."));
      }
    }
  }
}
