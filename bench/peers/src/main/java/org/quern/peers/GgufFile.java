package org.quern.peers;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

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

  void write(Path path) throws IOException {
    try (WeightFile file = new WeightFile(path)) {
      file.bytes("GGUF".getBytes(StandardCharsets.US_ASCII));
      file.number(VERSION);
      file.number((long) tensors.size());
      file.number((long) entries);
      file.bytes(Arrays.copyOf(metadata.array(), metadata.position()));
      long offset = 0;
      for (Tensor tensor : tensors) {
        byte[] name = tensor.name().getBytes(StandardCharsets.UTF_8);
        file.number((long) name.length);
        file.bytes(name);
        file.number(tensor.sizes().length);
        for (long size : tensor.sizes()) {
          file.number(size);
        }
        file.number(tensor.half() ? BF16_TENSOR : F32_TENSOR);
        file.number(offset);
        offset += aligned(tensor.bytes());
      }
      file.align(ALIGNMENT);
      for (Tensor tensor : tensors) {
        file.weights(tensor.elements(), tensor.ones(), tensor.half());
        file.align(ALIGNMENT);
      }
    }
  }

  private static long aligned(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }
}
