package org.quern.format;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;

/** One safetensors file, mapped read-only; its header is checked before anything is mapped. */
public final class SafetensorsFile implements ModelWeights {
  private final Path path;
  private final SafetensorsHeader header;
  private final Arena arena;
  private final MemorySegment mapping;
  private final AtomicBoolean closed = new AtomicBoolean();

  private SafetensorsFile(Path path, SafetensorsHeader header, Arena arena, MemorySegment mapping) {
    this.path = path;
    this.header = header;
    this.arena = arena;
    this.mapping = mapping;
  }

  /**
   * Opens and maps a file of any size.
   *
   * @throws FormatException if it cannot be read or breaks a rule of the format
   */
  public static SafetensorsFile open(Path path) {
    Messages.requireRegularFile(path);
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      long size = channel.size();
      SafetensorsHeader header = SafetensorsHeader.read(path, channel, size);
      return map(path, channel, size, header);
    } catch (IOException unreadable) {
      throw Messages.unreadable(path, unreadable);
    }
  }

  private static SafetensorsFile map(
      Path path, FileChannel channel, long size, SafetensorsHeader header) throws IOException {
    Arena arena = Arena.ofShared();
    boolean mapped = false;
    try {
      MemorySegment mapping = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
      SafetensorsFile file = new SafetensorsFile(path, header, arena, mapping);
      mapped = true;
      return file;
    } finally {
      if (!mapped) {
        arena.close();
      }
    }
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public List<Path> files() {
    return List.of(path);
  }

  @Override
  public Map<String, TensorEntry> tensors() {
    return header.tensors();
  }

  @Override
  public Map<String, String> metadata() {
    return header.metadata();
  }

  @Override
  public MemorySegment segment(String name) {
    if (closed.get()) {
      throw new IllegalStateException(path + " is closed; read its tensors before closing it.");
    }
    TensorEntry entry = tensor(name);
    return mapping.asSlice(entry.offset(), entry.bytes());
  }

  /**
   * Unmaps the file. A second call does nothing.
   *
   * @throws IllegalStateException if another thread is inside a call that uses a segment
   */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      try {
        arena.close();
      } catch (IllegalStateException inUse) {
        closed.set(false);
        throw new IllegalStateException(
            path + " is being read by another thread; close it when that has ended.", inUse);
      }
    }
  }
}
