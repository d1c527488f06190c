package org.quern.format;

import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.quern.ir.DType;

/**
 * The tensors of a model, mapped from one file or from several shards. Safe to share between
 * threads; whoever opens it closes it. While it is open its files may be replaced (renamed over)
 * but must not be shortened in place, since the mapping would then end in nothing.
 */
public sealed interface ModelWeights extends AutoCloseable
    permits SafetensorsFile, SafetensorsShards {
  /** The name of the single file of a model's folder. */
  String SINGLE_FILE = "model.safetensors";

  /** The name of the list of shards in a model's folder. */
  String INDEX_FILE = "model.safetensors.index.json";

  /**
   * Opens a model's folder, a safetensors file, or an index ({@code …index.json}) with its shards.
   * A folder with both a single file and an index is read by the former, as Hugging Face does.
   *
   * @throws FormatException if there is nothing to read there, or it breaks the format's rules
   */
  static ModelWeights open(Path path) {
    if (!Files.isDirectory(path)) {
      return path.toString().endsWith(".json")
          ? SafetensorsShards.open(path)
          : SafetensorsFile.open(path);
    }
    Path single = path.resolve(SINGLE_FILE);
    if (Files.exists(single)) {
      return SafetensorsFile.open(single);
    }
    Path index = path.resolve(INDEX_FILE);
    if (Files.exists(index)) {
      return SafetensorsShards.open(index);
    }
    boolean pickled =
        Files.exists(path.resolve("pytorch_model.bin"))
            || Files.exists(path.resolve("pytorch_model.bin.index.json"));
    throw new FormatException(
        "%s has neither %s nor %s%s."
            .formatted(
                path,
                SINGLE_FILE,
                INDEX_FILE,
                pickled
                    ? " but pickled weights, which can run code and are never read; save the model"
                        + " again as safetensors"
                    : "; give the folder of a model"));
  }

  /** The file or index that was opened. */
  Path path();

  /** The files that hold the tensors. */
  List<Path> files();

  /** All tensors by name, in the order in which they lie in the files. */
  Map<String, TensorEntry> tensors();

  /** The free text in the files' {@code __metadata__}. */
  Map<String, String> metadata();

  /**
   * The bytes of a tensor, read-only, little-endian, possibly unaligned, valid until this is
   * closed.
   *
   * @throws FormatException if there is no such tensor
   * @throws IllegalStateException if this is closed
   */
  MemorySegment segment(String name);

  /** Unmaps the files. A second call does nothing. */
  @Override
  void close();

  /**
   * The tensor of this name.
   *
   * @throws FormatException if there is none
   */
  default TensorEntry tensor(String name) {
    TensorEntry entry = tensors().get(name);
    if (entry == null) {
      throw new FormatException(
          "%s has no tensor %s among its %d; check that weights and config.json belong together."
              .formatted(path(), Messages.quote(name), tensors().size()));
    }
    return entry;
  }

  /**
   * Writes a tensor's elements as F32 to {@code target}, whose length must be four bytes an
   * element.
   */
  default void copyToF32(String name, MemorySegment target) {
    Conversions.toF32(tensor(name).dtype(), segment(name), target);
  }

  /**
   * Writes an integer tensor's elements as I32 to {@code target}, four bytes an element.
   *
   * @throws FormatException if the tensor is not of an integer type or a value does not fit
   */
  default void copyToI32(String name, MemorySegment target) {
    DType dtype = tensor(name).dtype();
    if (!Conversions.isInteger(dtype)) {
      throw new FormatException(
          "%s: tensor %s is of type %s where integers are expected; store it as I64 or I32."
              .formatted(path(), Messages.quote(name), dtype));
    }
    long wrong = Conversions.toI32(dtype, segment(name), target);
    if (wrong >= 0) {
      throw new FormatException(
          "%s: element %d of tensor %s does not fit 32 bits; use smaller ids."
              .formatted(path(), wrong, Messages.quote(name)));
    }
  }
}
