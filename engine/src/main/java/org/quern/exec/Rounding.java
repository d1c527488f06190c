package org.quern.exec;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.quern.ir.Parameter;
import org.quern.ir.Shape;
import org.quern.memory.BFloat16;

/** How a weight becomes what {@link org.quern.ir.Region#ROUNDED_PARAMETERS} holds of it. */
final class Rounding {
  /** What one thread rounds at a time. */
  private static final long PIECE_BYTES = 1L << 20;

  private Rounding() {}

  /**
   * Work that together rounds a weight; its pieces may run at once.
   *
   * @param from F32, in the parameter's shape
   * @param to BF16, in its rounded shape
   */
  static List<Runnable> pieces(Parameter parameter, MemorySegment from, MemorySegment to) {
    return parameter.conv1d() ? transposed(parameter.shape(), from, to) : inOrder(from, to);
  }

  /** Work that together rounds a weight to BF16 in its own shape. */
  static List<Runnable> inOrder(MemorySegment from, MemorySegment to) {
    List<Runnable> pieces = new ArrayList<>();
    for (long first = 0; first < to.byteSize(); first += PIECE_BYTES) {
      long bytes = Math.min(PIECE_BYTES, to.byteSize() - first);
      MemorySegment floats = from.asSlice(2 * first, 2 * bytes);
      MemorySegment target = to.asSlice(first, bytes);
      pieces.add(() -> BFloat16.round(floats, target));
    }
    return pieces;
  }

  private static List<Runnable> transposed(Shape shape, MemorySegment from, MemorySegment to) {
    int rows = shape.dimension(0);
    int columns = shape.dimension(1);
    long rowBytes = (long) rows * Short.BYTES;
    int together = Math.toIntExact(Math.max(1, PIECE_BYTES / rowBytes));
    List<Runnable> pieces = new ArrayList<>();
    for (int start = 0; start < columns; start += together) {
      int first = start;
      int last = Math.min(columns, first + together);
      MemorySegment target = to.asSlice(first * rowBytes, (last - first) * rowBytes);
      pieces.add(() -> BFloat16.roundTransposed(from, rows, columns, first, last, target));
    }
    return pieces;
  }
}
