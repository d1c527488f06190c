package org.quern.peers;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.SplittableRandom;

/** A new file of numbers, little-endian: random weights, ones, and what stands before them. */
final class WeightFile implements AutoCloseable {
  private static final int BUFFER = 1 << 22;

  private final FileChannel channel;
  private final ByteBuffer buffer =
      ByteBuffer.allocateDirect(BUFFER).order(ByteOrder.LITTLE_ENDIAN);
  private final SplittableRandom random = new SplittableRandom(1);

  WeightFile(Path file) throws IOException {
    channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING);
  }

  /** Bytes written so far. */
  long position() throws IOException {
    return channel.position() + buffer.position();
  }

  void bytes(byte[] bytes) throws IOException {
    flush();
    write(ByteBuffer.wrap(bytes));
  }

  void number(int value) throws IOException {
    room(Integer.BYTES).putInt(value);
  }

  void number(long value) throws IOException {
    room(Long.BYTES).putLong(value);
  }

  void reals(float[] values) throws IOException {
    for (float value : values) {
      room(Float.BYTES).putFloat(value);
    }
  }

  /** Zeros up to the next multiple of so many bytes. */
  void align(int bytes) throws IOException {
    while (position() % bytes != 0) {
      room(1).put((byte) 0);
    }
  }

  /**
   * Weights of a model that has learnt nothing.
   *
   * @param ones ones, as norms begin with, rather than random numbers
   * @param half BF16, rather than F32
   */
  void weights(long count, boolean ones, boolean half) throws IOException {
    for (long i = 0; i < count; i++) {
      float value = ones ? 1 : 0.07f * ((float) random.nextDouble() - 0.5f);
      if (half) {
        room(Short.BYTES).putShort((short) (Float.floatToRawIntBits(value) >>> 16));
      } else {
        room(Float.BYTES).putFloat(value);
      }
    }
  }

  private ByteBuffer room(int bytes) throws IOException {
    if (buffer.remaining() < bytes) {
      flush();
    }
    return buffer;
  }

  private void flush() throws IOException {
    buffer.flip();
    write(buffer);
    buffer.clear();
  }

  private void write(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      if (channel.write(bytes) < 0) {
        throw new IOException("The file cannot be written.");
      }
    }
  }

  @Override
  public void close() throws IOException {
    try (channel) {
      flush();
    }
  }
}
