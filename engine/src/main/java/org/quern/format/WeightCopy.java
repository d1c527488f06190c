package org.quern.format;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.quern.ir.DType;

/** Copies of tensors as F32, in pieces for several threads. */
public final class WeightCopy {
  /** Elements of a piece; tensors are cut, since one may be half of a model. */
  private static final long PIECE = 1L << 20;

  private WeightCopy() {}

  /**
   * Work that together copies a tensor; its pieces may run at once, while the file is open.
   *
   * @param target four bytes an element
   * @throws FormatException if there is no such tensor
   */
  public static List<Runnable> pieces(ModelWeights weights, String name, MemorySegment target) {
    DType type = weights.tensor(name).dtype();
    MemorySegment source = weights.segment(name);
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
}
