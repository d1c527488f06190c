package org.quern.exec.vector;

import static org.quern.exec.vector.Lanes.BYTES;
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

  /** Bytes from one column of a panel of rows to the next. */
  static final long ROW_PANEL_STEP = 4L * ROWS;

  /** Bytes that the temporary tile of {@link #add} and {@link #finish} takes. */
  static final long TILE_BYTES = ROWS * PANEL_ROW;

  /** Rows that are copied together, so that each of their pages is met once for all panels. */
  private static final long TOGETHER = 8;

  private static final long LOW = 0xFFFFFFFFL;
  private static final long HIGH = ~LOW;

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
    if (column != 4) {
      for (long j = 0; j < columns; j += COLUMNS) {
        long wide = Math.min(COLUMNS, columns - j);
        packColumns(panels, block + j * column, step, column, depth, wide);
        panels += depth * PANEL_ROW;
      }
      return;
    }
    for (long p = 0; p < depth; p += TOGETHER) {
      long deep = Math.min(TOGETHER, depth - p);
      long panel = panels + p * PANEL_ROW;
      for (long j = 0; j < columns; j += COLUMNS) {
        long wide = Math.min(COLUMNS, columns - j);
        packRows(panel, block + p * step + 4 * j, step, deep, 4 * wide);
        panel += depth * PANEL_ROW;
      }
    }
  }

  private static void packRows(long panel, long from, long step, long depth, long bytes) {
    if (bytes == PANEL_ROW) {
      for (long p = 0; p < depth; p++) {
        FloatVector.fromMemorySegment(FLOATS, ALL, from, ORDER)
            .intoMemorySegment(ALL, panel, ORDER);
        FloatVector.fromMemorySegment(FLOATS, ALL, from + BYTES, ORDER)
            .intoMemorySegment(ALL, panel + BYTES, ORDER);
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
    if (step == 4) {
      for (; j + 4 <= wide; j += 4) {
        packFour(panel + 4 * j, from + j * column, column, depth);
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

  /** Four columns that are contiguous along the depth, two steps of it at a time. */
  private static void packFour(long target, long source, long column, long depth) {
    long p = 0;
    for (; p + 2 <= depth; p += 2) {
      long x0 = Memory.getLong(source);
      long x1 = Memory.getLong(source + column);
      long x2 = Memory.getLong(source + 2 * column);
      long x3 = Memory.getLong(source + 3 * column);
      Memory.setLong(target, x0 & LOW | x1 << 32);
      Memory.setLong(target + 8, x2 & LOW | x3 << 32);
      Memory.setLong(target + PANEL_ROW, x0 >>> 32 | x1 & HIGH);
      Memory.setLong(target + PANEL_ROW + 8, x2 >>> 32 | x3 & HIGH);
      target += 2 * PANEL_ROW;
      source += 8;
    }
    if (p < depth) {
      Memory.setInt(target, Memory.getInt(source));
      Memory.setInt(target + 4, Memory.getInt(source + column));
      Memory.setInt(target + 8, Memory.getInt(source + 2 * column));
      Memory.setInt(target + 12, Memory.getInt(source + 3 * column));
    }
  }

  /**
   * Packs a block into panels of {@link MatmulTile#ROWS} rows, one column after the other; rows
   * that the last panel lacks are left as they are.
   *
   * @param row from one row of the block to the next: 4, or {@code step} is
   * @param step from one column to the next
   */
  static void packRowPanels(long panels, long block, long row, long step, long rows, long depth) {
    long whole = rows / ROWS * ROWS;
    if (step == 4) {
      for (long i = 0; i < whole; i += ROWS) {
        packSix(panels + i * 4 * depth, block + i * row, row, depth);
      }
    } else {
      for (long p = 0; p < depth; p += TOGETHER) {
        long deep = Math.min(TOGETHER, depth - p);
        for (long i = 0; i < whole; i += ROWS) {
          long target = panels + i * 4 * depth + p * ROW_PANEL_STEP;
          copySix(target, block + p * step + 4 * i, step, deep);
        }
      }
    }
    for (long i = whole; i < rows; i++) {
      long target = panels + whole * 4 * depth + 4 * (i - whole);
      long source = block + i * row;
      for (long p = 0; p < depth; p++) {
        Memory.setInt(target, Memory.getInt(source));
        target += ROW_PANEL_STEP;
        source += step;
      }
    }
  }

  private static void copySix(long target, long source, long step, long depth) {
    for (long p = 0; p < depth; p++) {
      Memory.setLong(target, Memory.getLong(source));
      Memory.setLong(target + 8, Memory.getLong(source + 8));
      Memory.setLong(target + 16, Memory.getLong(source + 16));
      target += ROW_PANEL_STEP;
      source += step;
    }
  }

  /** Six rows that are contiguous along the depth, two steps of it at a time. */
  private static void packSix(long target, long source, long row, long depth) {
    long p = 0;
    for (; p + 2 <= depth; p += 2) {
      packPairs(target, source, row);
      packPairs(target + 8, source + 2 * row, row);
      packPairs(target + 16, source + 4 * row, row);
      target += 2 * ROW_PANEL_STEP;
      source += 8;
    }
    if (p < depth) {
      for (long i = 0; i < ROWS; i++) {
        Memory.setInt(target + 4 * i, Memory.getInt(source + i * row));
      }
    }
  }

  /** Two steps of two rows. */
  private static void packPairs(long target, long source, long row) {
    long x = Memory.getLong(source);
    long y = Memory.getLong(source + row);
    Memory.setLong(target, x & LOW | y << 32);
    Memory.setLong(target + ROW_PANEL_STEP, x >>> 32 | y & HIGH);
  }

  /**
   * {@code out = a * b}, or {@code out += a * b} where {@code zeros} is 0, with b in panels. Out
   * must have room for whole tiles: rows and columns beyond the block are written too.
   *
   * @param a the first row; rows are contiguous
   * @param rowPanels scratch for the packed rows: 4 bytes for each element of whole panels
   * @param zeros address of {@link MatmulTile#COLUMNS} zeros, or 0
   */
  static void panels(
      long a,
      long aRow,
      long rows,
      long rowPanels,
      long panels,
      long panelBytes,
      long depth,
      long columns,
      long out,
      long outRow,
      long zeros) {
    packRowPanels(rowPanels, a, aRow, 4, rows, depth);
    for (long j = 0; j < columns; j += COLUMNS) {
      for (long i = 0; i < rows; i += ROWS) {
        MatmulTile.multiply(
            rowPanels + i * 4 * depth,
            ROW_PANEL_STEP,
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
   * {@code out += a * b} with the rows of b where they lie, and nothing of b and out read or
   * written beyond them.
   *
   * @param a row panels, or rows side by side and so far apart that a tile's can be read
   * @param aPanel from one panel of rows to the next
   * @param aStep from one column of a to the next
   * @param scratch {@link #TILE_BYTES} for a tile, then {@link #PANEL_ROW} times depth for a panel
   */
  static void add(
      long a,
      long aPanel,
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
      long from = a;
      for (long i = 0; i < rows; i += ROWS) {
        long high = Math.min(ROWS, rows - i);
        long to = out + i * outRow + 4 * j;
        if (high == ROWS && wide == COLUMNS) {
          MatmulTile.multiply(from, aStep, panel, panelStep, depth, to, outRow, 0);
        } else {
          Memory.fill(scratch, TILE_BYTES, 0);
          MatmulTile.multiply(from, aStep, panel, panelStep, depth, scratch, PANEL_ROW, 0);
          finish(scratch, high, wide, to, outRow, true);
        }
        from += aPanel;
      }
    }
  }

  /** Writes the valid part of a temporary tile to where it belongs, or adds it. */
  static void finish(long tile, long rows, long columns, long out, long outRow, boolean add) {
    for (long i = 0; i < rows; i++) {
      for (long at = 0; at < 4 * columns; at += 4) {
        float value = Memory.getFloat(tile + at);
        Memory.setFloat(out + at, add ? Memory.getFloat(out + at) + value : value);
      }
      tile += PANEL_ROW;
      out += outRow;
    }
  }
}
