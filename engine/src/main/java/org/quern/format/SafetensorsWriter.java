package org.quern.format;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.quern.ir.DType;
import org.quern.ir.Shape;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;

/**
 * Writes safetensors files and sharded models that Hugging Face's library reads. A file is streamed
 * under another name, brought to the disk, and renamed; a failure leaves what was there before and
 * nothing half-written. Memory use is a few MiB whatever the model's size.
 *
 * @param floatType the type under which F32 tensors are stored: F32, or F16 or BF16, rounded to
 *     nearest even; other tensors are stored as they are
 * @param metadata free text for {@code __metadata__}
 * @param shardBytes the size of tensors beyond which a model's folder gets several files
 */
public record SafetensorsWriter(DType floatType, Map<String, String> metadata, long shardBytes) {
  private static final int CHUNK = 4 << 20;
  private static final int ALIGNMENT = 8;

  /**
   * A tensor to write; {@code data} holds exactly its elements, little-endian, and must not change
   * meanwhile.
   */
  public record Tensor(String name, DType dtype, Shape shape, MemorySegment data) {
    /** Checks that the data fits type and shape. */
    public Tensor {
      if (data.byteSize() != Math.multiplyExact(shape.elements(), dtype.bytes())) {
        throw new FormatException(
            "Tensor %s has %d bytes, which is not the shape %s of %s; pass its exact data."
                .formatted(Messages.quote(name), data.byteSize(), shape, dtype));
      }
    }

    /** A tensor of F32 elements. */
    public static Tensor f32(String name, Shape shape, MemorySegment data) {
      return new Tensor(name, DType.F32, shape, data);
    }
  }

  /** Checks the settings. */
  public SafetensorsWriter {
    if (floatType != DType.F32 && floatType != DType.F16 && floatType != DType.BF16) {
      throw new FormatException(
          "Weights cannot be stored as " + floatType + "; choose F32, F16 or BF16.");
    }
    if (shardBytes <= 0) {
      throw new FormatException(
          "A shard of " + shardBytes + " bytes is too small; choose more than zero.");
    }
    metadata = Map.copyOf(metadata);
  }

  /** As Hugging Face saves: F32, metadata {@code format=pt}, shards of 5 GB. */
  public static SafetensorsWriter standard() {
    return new SafetensorsWriter(DType.F32, Map.of("format", "pt"), 5_000_000_000L);
  }

  /** This, with F32 tensors stored as {@code type}. */
  public SafetensorsWriter withFloatType(DType type) {
    return new SafetensorsWriter(type, metadata, shardBytes);
  }

  /** This, with other free text. */
  public SafetensorsWriter withMetadata(Map<String, String> text) {
    return new SafetensorsWriter(floatType, text, shardBytes);
  }

  /** This, with files of at most {@code bytes}, or of one tensor if it alone is larger. */
  public SafetensorsWriter withShardBytes(long bytes) {
    return new SafetensorsWriter(floatType, metadata, bytes);
  }

  /**
   * Writes one file, replacing what is there.
   *
   * @throws FormatException if it cannot be written; what was there before is then untouched
   */
  public void writeFile(Path file, List<Tensor> tensors) {
    requireNames(tensors);
    byte[] header = header(file, tensors);
    long bytes = header.length + storedBytes(tensors);
    try (PendingFile pending = PendingFile.create(file)) {
      stream(pending.channel(), header, tensors);
      pending.sync();
      pending.commit();
    } catch (IOException failed) {
      throw PendingFile.failure(file, bytes, failed);
    }
    PendingFile.syncFolder(PendingFile.folderOf(file));
  }

  /**
   * Writes a model's folder, created if absent: {@code model.safetensors}, or beyond {@link
   * #shardBytes} files {@code model-00001-of-0000n.safetensors} with an index. Weights of an
   * earlier save in the folder are removed once the new ones are complete; a crash between the two
   * leaves an old model, a new one, or none that can be opened, but never a mixture.
   *
   * @return the files written, the index last
   * @throws FormatException if it cannot be written
   */
  public List<Path> writeModel(Path folder, List<Tensor> tensors) {
    requireNames(tensors);
    long bytes = storedBytes(tensors);
    try {
      Files.createDirectories(folder);
    } catch (IOException failed) {
      throw PendingFile.failure(folder, bytes, failed);
    }
    List<List<Tensor>> shards = split(tensors);
    if (shards.size() == 1) {
      Path file = folder.resolve(ModelWeights.SINGLE_FILE);
      writeFile(file, tensors);
      removeOthers(folder, Set.of(file));
      return List.of(file);
    }
    List<PendingFile> pending = new ArrayList<>();
    List<Path> files = new ArrayList<>();
    Map<String, String> weightMap = new TreeMap<>();
    try {
      try {
        for (int i = 0; i < shards.size(); i++) {
          String name = "model-%05d-of-%05d.safetensors".formatted(i + 1, shards.size());
          PendingFile shard = PendingFile.create(folder.resolve(name));
          pending.add(shard);
          stream(shard.channel(), header(shard.target(), shards.get(i)), shards.get(i));
          shard.sync();
          shards.get(i).forEach(tensor -> weightMap.put(tensor.name(), name));
        }
        PendingFile index = PendingFile.create(folder.resolve(ModelWeights.INDEX_FILE));
        pending.add(index);
        writeFully(index.channel(), ByteBuffer.wrap(index(bytes, weightMap)));
        index.sync();
        // Without its index an old model cannot be opened, so its shards never mix with these.
        Files.deleteIfExists(index.target());
        for (PendingFile file : pending) {
          file.commit();
          files.add(file.target());
        }
      } finally {
        for (PendingFile file : pending) {
          file.close();
        }
      }
    } catch (IOException failed) {
      throw PendingFile.failure(folder, bytes, failed);
    }
    PendingFile.syncFolder(folder);
    removeOthers(folder, new HashSet<>(files));
    return List.copyOf(files);
  }

  private static void removeOthers(Path folder, Set<Path> kept) {
    try {
      if (!kept.contains(folder.resolve(ModelWeights.INDEX_FILE))) {
        Files.deleteIfExists(folder.resolve(ModelWeights.INDEX_FILE));
      }
      try (DirectoryStream<Path> found = Files.newDirectoryStream(folder, "model*.safetensors")) {
        for (Path file : found) {
          String name = file.getFileName().toString();
          boolean ours =
              name.equals(ModelWeights.SINGLE_FILE)
                  || name.matches("model-\\d{5}-of-\\d{5}\\.safetensors");
          if (ours && !kept.contains(file)) {
            Files.delete(file);
          }
        }
      }
    } catch (IOException failed) {
      throw new FormatException(
          "%s still holds weights of an earlier save (%s); remove them by hand."
              .formatted(folder, Messages.plain(Messages.describe(failed))),
          failed);
    }
    PendingFile.syncFolder(folder);
  }

  private static void requireNames(List<Tensor> tensors) {
    Set<String> names = new HashSet<>();
    for (Tensor tensor : tensors) {
      String name = tensor.name();
      if (name.equals(SafetensorsHeader.METADATA)
          || !StandardCharsets.UTF_8.newEncoder().canEncode(name)) {
        throw new FormatException(
            "No tensor can be named " + Messages.quote(name) + "; choose another name.");
      }
      if (!names.add(name)) {
        throw new FormatException(
            "Two tensors are named " + Messages.quote(name) + "; give each its own name.");
      }
    }
  }

  private DType storedType(Tensor tensor) {
    return tensor.dtype() == DType.F32 ? floatType : tensor.dtype();
  }

  private long storedBytes(Tensor tensor) {
    return tensor.shape().elements() * storedType(tensor).bytes();
  }

  private long storedBytes(List<Tensor> tensors) {
    return tensors.stream().mapToLong(this::storedBytes).sum();
  }

  private List<List<Tensor>> split(List<Tensor> tensors) {
    List<List<Tensor>> shards = new ArrayList<>();
    List<Tensor> shard = new ArrayList<>();
    long bytes = 0;
    for (Tensor tensor : tensors) {
      long more = storedBytes(tensor);
      if (!shard.isEmpty() && bytes + more > shardBytes) {
        shards.add(shard);
        shard = new ArrayList<>();
        bytes = 0;
      }
      shard.add(tensor);
      bytes += more;
    }
    shards.add(shard);
    return shards;
  }

  /** Widest elements first, so that every tensor is aligned to its own type. */
  private List<Tensor> ordered(List<Tensor> tensors) {
    return tensors.stream()
        .sorted(Comparator.comparingInt((Tensor tensor) -> storedType(tensor).bytes()).reversed())
        .toList();
  }

  private byte[] header(Path file, List<Tensor> tensors) {
    ByteArrayOutputStream json = new ByteArrayOutputStream();
    try (JsonGenerator out = Json.HEADERS.createGenerator(ObjectWriteContext.empty(), json)) {
      out.writeStartObject();
      if (!metadata.isEmpty()) {
        out.writeObjectPropertyStart(SafetensorsHeader.METADATA);
        new TreeMap<>(metadata).forEach(out::writeStringProperty);
        out.writeEndObject();
      }
      long offset = 0;
      for (Tensor tensor : ordered(tensors)) {
        out.writeObjectPropertyStart(tensor.name());
        out.writeStringProperty("dtype", storedType(tensor).name());
        out.writeArrayPropertyStart("shape");
        for (int size : tensor.shape().toArray()) {
          out.writeNumber(size);
        }
        out.writeEndArray();
        out.writeArrayPropertyStart("data_offsets");
        out.writeNumber(offset);
        offset += storedBytes(tensor);
        out.writeNumber(offset);
        out.writeEndArray();
        out.writeEndObject();
      }
      out.writeEndObject();
    }
    while (json.size() % ALIGNMENT != 0) {
      json.write(' ');
    }
    if (json.size() > SafetensorsHeader.LONGEST) {
      throw new FormatException(
          "%s would need a header of %,d bytes, more than %,d; write several files."
              .formatted(file, json.size(), SafetensorsHeader.LONGEST));
    }
    return ByteBuffer.allocate(SafetensorsHeader.LENGTH_BYTES + json.size())
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.size())
        .put(json.toByteArray())
        .array();
  }

  private static byte[] index(long bytes, Map<String, String> weightMap) {
    Map<String, Object> index = new LinkedHashMap<>();
    index.put("metadata", Map.of("total_size", bytes));
    index.put("weight_map", weightMap);
    return ConfigJson.toBytes(index);
  }

  private void stream(FileChannel channel, byte[] header, List<Tensor> tensors) throws IOException {
    writeFully(channel, ByteBuffer.wrap(header));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(CHUNK, ALIGNMENT);
      for (Tensor tensor : ordered(tensors)) {
        int from = tensor.dtype().bytes();
        int to = storedType(tensor).bytes();
        long elements = tensor.shape().elements();
        long step = CHUNK / Math.max(from, to);
        for (long start = 0; start < elements; start += step) {
          long count = Math.min(step, elements - start);
          MemorySegment source = tensor.data().asSlice(start * from, count * from);
          MemorySegment stored = buffer.asSlice(0, count * to);
          if (tensor.dtype() == DType.F32) {
            Conversions.fromF32(floatType, source, stored);
          } else {
            stored.copyFrom(source);
          }
          writeFully(channel, stored.asByteBuffer());
        }
      }
    }
  }

  private static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }
}
