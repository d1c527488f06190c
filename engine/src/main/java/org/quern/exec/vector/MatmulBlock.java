package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.FLOATS;
import static org.quern.exec.vector.MatmulTile.COLUMNS;
import static org.quern.exec.vector.MatmulTile.ROWS;
import static org.quern.exec.vector.Memory.ALL;
import static org.quern.exec.vector.Memory.ORDER;

import jdk.incubator.vector.FloatVector;

/**
 * Products of whole blocks out of tiles, and the packing of operands into panels. A panel holds
 * {@link MatmulTile#COLUMNS} columns, one row after the other, padded with zeros. All strides are
 * in bytes.
 */
final class MatmulBlock {
  /** Bytes of a panel's row. */
  static final long PANEL_ROW = 4L * COLUMNS;

  /** Bytes that the temporary tile of {@link #add} and {@link #finish} takes. */
  static final long TILE_BYTES = ROWS * PANEL_ROW;

  private MatmulBlock() {}

  /** Bytes of all panels that hold a block of {@code depth} rows and {@code columns} columns. */
  static long panelBytes(long depth, long columns) {
    return (columns + COLUMNS - 1) / COLUMNS * depth * PANEL_ROW;
  }

  /**
   * Packs a block into panels.
   *
   * @param step from one row of the block to the next
   * @param column from one column to the next; 4 where rows are contiguous
   */
  static void pack(long panels, long block, long step, long column, long depth, long columns) {
    for (long first = 0; first < columns; first += COLUMNS) {
      long wide = Math.min(COLUMNS, columns - first);
      long from = block + first * column;
      if (column == 4) {
        packRows(panels, from, step, depth, 4 * wide);
      } else {
        packColumns(panels, from, step, column, depth, wide);
      }
      panels += depth * PANEL_ROW;
    }
  }

  private static void packRows(long panel, long from, long step, long depth, long bytes) {
    if (bytes == PANEL_ROW) {
      for (long p = 0; p < depth; p++) {
        FloatVector.fromMemorySegment(FLOATS, ALL, from, ORDER)
            .intoMemorySegment(ALL, panel, ORDER);
        FloatVector.fromMemorySegment(FLOATS, ALL, from + Lanes.BYTES, ORDER)
            .intoMemorySegment(ALL, panel + Lanes.BYTES, ORDER);
        panel += PANEL_ROW;
        from += step;
      }
      return;
    }
    for (long p = 0; p < depth; p++) {
      Memory.copy(panel, from, bytes);
      Memory.fill(panel + bytes, PANEL_ROW - bytes, 0);
      panel += PANEL_ROW;
      from += step;
    }
  }

  private static void packColumns(
      long panel, long from, long step, long column, long depth, long wide) {
    if (wide < COLUMNS) {
      Memory.fill(panel, depth * PANEL_ROW, 0);
    }
    long j = 0;
    for (; j + 4 <= wide; j += 4) {
      long source = from + j * column;
      long target = panel + 4 * j;
      for (long p = 0; p < depth; p++) {
        Memory.setInt(target, Memory.getInt(source));
        Memory.setInt(target + 4, Memory.getInt(source + column));
        Memory.setInt(target + 8, Memory.getInt(source + 2 * column));
        Memory.setInt(target + 12, Memory.getInt(source + 3 * column));
        target += PANEL_ROW;
        source += step;
      }
    }
    for (; j < wide; j++) {
      long source = from + j * column;
      long target = panel + 4 * j;
      for (long p = 0; p < depth; p++) {
        Memory.setInt(target, Memory.getInt(source));
        target += PANEL_ROW;
        source += step;
      }
    }
  }

  /**
   * {@code out = a * b}, or {@code out += a * b} where {@code zeros} is 0, with b in panels. Out
   * must have room for whole tiles: rows and columns beyond the block are written too.
   *
   * @param zeros address of {@link MatmulTile#COLUMNS} zeros, or 0
   */
  static void panels(
      long a,
      long aRow,
      long aStep,
      long rows,
      long panels,
      long panelBytes,
      long depth,
      long columns,
      long out,
      long outRow,
      long zeros) {
    for (long j = 0; j < columns; j += COLUMNS) {
      for (long i = 0; i < rows; i += ROWS) {
        MatmulTile.multiply(
            a + i * aRow,
            (int) Math.min(ROWS, rows - i),
            aRow,
            aStep,
            panels,
            PANEL_ROW,
            depth,
            out + i * outRow + 4 * j,
            outRow,
            zeros);
      }
      panels += panelBytes;
    }
  }

  /**
   * {@code out += a * b} with the rows of b where they lie, and nothing read or written beyond the
   * operands.
   *
   * @param scratch {@link #TILE_BYTES} for a tile, then {@link #PANEL_ROW} times depth for a panel
   */
  static void add(
      long a,
      long aRow,
      long aStep,
      long rows,
      long b,
      long bStep,
      long depth,
      long columns,
      long out,
      long outRow,
      long scratch) {
    for (long j = 0; j < columns; j += COLUMNS) {
      long wide = Math.min(COLUMNS, columns - j);
      long panel = b + 4 * j;
      long panelStep = bStep;
      if (wide < COLUMNS) {
        packRows(scratch + TILE_BYTES, panel, bStep, depth, 4 * wide);
        panel = scratch + TILE_BYTES;
        panelStep = PANEL_ROW;
      }
      for (long i = 0; i < rows; i += ROWS) {
        long high = Math.min(ROWS, rows - i);
        long from = a + i * aRow;
        long to = out + i * outRow + 4 * j;
        if (high == ROWS && wide == COLUMNS) {
          MatmulTile.multiply(from, ROWS, aRow, aStep, panel, panelStep, depth, to, outRow, 0);
        } else {
          Memory.fill(scratch, TILE_BYTES, 0);
          MatmulTile.multiply(
              from, (int) high, aRow, aStep, panel, panelStep, depth, scratch, PANEL_ROW, 0);
          finish(scratch, high, wide, to, outRow, 4, true, 0, 0);
        }
      }
    }
  }

  /**
   * Writes or adds the valid part of a temporary tile to where it belongs.
   *
   * @param outRow from one row of the tile to the next in out; {@code outColumn} likewise
   * @param add whether out is added to; otherwise bias is
   * @param bias address of the first row's and column's bias, or 0
   * @param biasRow 4 if there is a bias for each row of the tile, 0 if for each column
   */
  static void finish(
      long tile,
      long rows,
      long columns,
      long out,
      long outRow,
      long outColumn,
      boolean add,
      long bias,
      long biasRow) {
    if (rows == ROWS && outRow == 4) {
      finishTransposed(tile, columns, out, outColumn, add, bias, biasRow);
      return;
    }
    for (long j = 0; j < columns; j++) {
      long from = tile + 4 * j;
      long to = out + j * outColumn;
      long base = bias + (4 - biasRow) * j;
      for (long i = 0; i < rows; i++) {
        float value = Memory.getFloat(from);
        if (add) {
          value += Memory.getFloat(to);
        } else if (bias != 0) {
          value += Memory.getFloat(base + biasRow * i);
        }
        Memory.setFloat(to, value);
        from += PANEL_ROW;
        to += outRow;
      }
    }
  }

  /** {@link #finish} for a whole tile whose rows become columns. */
  private static void finishTransposed(
      long tile, long columns, long out, long outColumn, boolean add, long bias, long biasRow) {
    boolean zero = !add && bias == 0;
    for (long j = 0; j < columns; j++) {
      long from = tile + 4 * j;
      long to = out + j * outColumn;
      long base = add ? to : bias + (4 - biasRow) * j;
      long baseRow = add ? 4 : biasRow;
      float v0 = Memory.getFloat(from);
      float v1 = Memory.getFloat(from + PANEL_ROW);
      float v2 = Memory.getFloat(from + 2 * PANEL_ROW);
      float v3 = Memory.getFloat(from + 3 * PANEL_ROW);
      float v4 = Memory.getFloat(from + 4 * PANEL_ROW);
      float v5 = Memory.getFloat(from + 5 * PANEL_ROW);
      if (!zero) {
        v0 += Memory.getFloat(base);
        v1 += Memory.getFloat(base + baseRow);
        v2 += Memory.getFloat(base + 2 * baseRow);
        v3 += Memory.getFloat(base + 3 * baseRow);
        v4 += Memory.getFloat(base + 4 * baseRow);
        v5 += Memory.getFloat(base + 5 * baseRow);
      }
      Memory.setFloat(to, v0);
      Memory.setFloat(to + 4, v1);
      Memory.setFloat(to + 8, v2);
      Memory.setFloat(to + 12, v3);
      Memory.setFloat(to + 16, v4);
      Memory.setFloat(to + 20, v5);
    }
  }
}
