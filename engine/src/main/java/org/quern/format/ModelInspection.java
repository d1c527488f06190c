package org.quern.format;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.quern.ir.DType;

/**
 * What is in a model's files.
 *
 * @param path the file, or the index of several files
 * @param files the files with their sizes
 * @param tensors all tensors, in the order in which they lie in the files
 * @param totals sums for each element type that occurs
 * @param metadata the files' free text
 */
public record ModelInspection(
    Path path,
    List<FileSize> files,
    List<TensorEntry> tensors,
    Map<DType, Total> totals,
    Map<String, String> metadata) {
  /** A file and its length in bytes, header included. */
  public record FileSize(Path file, long bytes) {}

  /** Sums over tensors of one type. */
  public record Total(long tensors, long elements, long bytes) {
    private Total plus(TensorEntry entry) {
      return new Total(tensors + 1, elements + entry.shape().elements(), bytes + entry.bytes());
    }
  }

  /** Copies of the collections. */
  public ModelInspection {
    files = List.copyOf(files);
    tensors = List.copyOf(tensors);
    Map<DType, Total> sums = new EnumMap<>(DType.class);
    sums.putAll(totals);
    totals = Collections.unmodifiableMap(sums);
    metadata = Collections.unmodifiableMap(metadata);
  }

  /**
   * Looks into a model's folder, a file, or an index.
   *
   * @throws FormatException as {@link ModelWeights#open}
   */
  public static ModelInspection of(Path path) {
    try (ModelWeights weights = ModelWeights.open(path)) {
      return of(weights);
    }
  }

  /** Describes weights that are open. */
  public static ModelInspection of(ModelWeights weights) {
    List<FileSize> files = new ArrayList<>();
    for (Path file : weights.files()) {
      try {
        files.add(new FileSize(file, Files.size(file)));
      } catch (IOException unreadable) {
        throw Messages.unreadable(file, unreadable);
      }
    }
    Map<DType, Total> totals = new EnumMap<>(DType.class);
    for (TensorEntry entry : weights.tensors().values()) {
      totals.put(entry.dtype(), totals.getOrDefault(entry.dtype(), new Total(0, 0, 0)).plus(entry));
    }
    return new ModelInspection(
        weights.path(), files, List.copyOf(weights.tensors().values()), totals, weights.metadata());
  }

  /** The number of elements of all tensors: the parameters, and buffers if the files have any. */
  public long elements() {
    return totals.values().stream().mapToLong(Total::elements).sum();
  }

  /** The bytes of all tensors. */
  public long bytes() {
    return totals.values().stream().mapToLong(Total::bytes).sum();
  }
}
