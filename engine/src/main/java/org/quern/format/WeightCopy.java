package org.quern.format;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.quern.ir.DType;

/** Copies of tensors, in pieces for several threads, which may run at once. */
public final class WeightCopy {
  /** Elements of a piece; tensors are cut, since one may be half of a model. */
  private static final long PIECE = 1L << 20;

  private WeightCopy() {}

  /**
   * Work that together copies a tensor as F32, while the file is open.
   *
   * @param target four bytes an element
   * @throws FormatException if there is no such tensor
   */
  public static List<Runnable> toF32(ModelWeights weights, String name, MemorySegment target) {
    return toF32(weights.tensor(name).dtype(), weights.segment(name), target);
  }

  /**
   * Work that together copies elements as F32.
   *
   * @param target four bytes an element
   */
  public static List<Runnable> toF32(DType type, MemorySegment source, MemorySegment target) {
    long elements = target.byteSize() / Float.BYTES;
    List<Runnable> pieces = new ArrayList<>();
    for (long first = 0; first < elements; first += PIECE) {
      long count = Math.min(PIECE, elements - first);
      MemorySegment from = source.asSlice(first * type.bytes(), count * type.bytes());
      MemorySegment to = target.asSlice(first * Float.BYTES, count * Float.BYTES);
      pieces.add(() -> Conversions.toF32(type, from, to));
    }
    return pieces;
  }

  /** Work that together copies bytes as they are. */
  public static List<Runnable> unchanged(MemorySegment source, MemorySegment target) {
    List<Runnable> pieces = new ArrayList<>();
    for (long first = 0; first < target.byteSize(); first += PIECE) {
      long count = Math.min(PIECE, target.byteSize() - first);
      long from = first;
      pieces.add(() -> MemorySegment.copy(source, from, target, from, count));
    }
    return pieces;
  }
}
