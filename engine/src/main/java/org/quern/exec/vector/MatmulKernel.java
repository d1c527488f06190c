package org.quern.exec.vector;

import static org.quern.exec.vector.MatmulTile.COLUMNS;
import static org.quern.exec.vector.MatmulTile.ROWS;

import org.quern.exec.Status;

/**
 * {@code out = op(a) op(b) + bias}, blocked as in Goto and van de Geijn 2008: blocks of both
 * factors are packed, whichever way round they are stored, and multiplied tile by tile.
 */
final class MatmulKernel implements VectorKernel {
  private static final int TRANSPOSE_A = 1;
  private static final int TRANSPOSE_B = 2;
  private static final int ACCUMULATE = 4;

  /** Rows of out up to which b is streamed past a instead. */
  private static final long FEW_ROWS = 8;

  /**
   * The depth of a block: a panel of b stays in the first-level cache, the block of a in the
   * second-level one, the block of b in the third-level one.
   */
  static final long DEPTH = 256;

  private static final long BLOCK_ROWS = 168;
  private static final long BLOCK_COLUMNS = 1536;

  /** Tiles that take as long as packing an element of each of its rows and columns. */
  private static final double PACKING = 0.2;

  private static final long ROWS_AT = 4 * DEPTH * BLOCK_COLUMNS;
  private static final long TILE_AT = ROWS_AT + 4 * DEPTH * BLOCK_ROWS;
  private static final long BASE_AT = TILE_AT + MatmulBlock.TILE_BYTES;

  @Override
  public int run(ProgramRecord record, int part, int parts) {
    long m = record.integer(0);
    long n = record.integer(1);
    long k = record.integer(2);
    int flags = (int) record.integer(6);
    if (m == 0 || n == 0) {
      return Status.OK;
    }
    if (m <= FEW_ROWS && (flags & TRANSPOSE_A) == 0) {
      return MatmulRows.run(record, part, parts);
    }
    int rowParts = rowParts(m, n, parts);
    int columnParts = parts / rowParts;
    int rowPart = part / columnParts;
    int columnPart = part % columnParts;
    long i0 = Share.first(m, ROWS, rowPart, rowParts);
    long i1 = Share.first(m, ROWS, rowPart + 1, rowParts);
    long j0 = Share.first(n, COLUMNS, columnPart, columnParts);
    long j1 = Share.first(n, COLUMNS, columnPart + 1, columnParts);
    if (i0 == i1) {
      return Status.OK;
    }
    for (long j = j0; j < j1; j += BLOCK_COLUMNS) {
      long p = 0;
      // Once even where there is no depth: the bias, or zero, is still to be written.
      do {
        int status = multiply(record, part, i0, i1, j, Math.min(BLOCK_COLUMNS, j1 - j), p);
        if (status != Status.OK) {
          return status;
        }
        p += DEPTH;
      } while (p < k);
    }
    return Status.OK;
  }

  /**
   * How many shares of rows the workers take; the rest of the factor {@code parts} are shares of
   * columns. The share with the fewest tiles wins, what it packs counted too.
   */
  static int rowParts(long rows, long columns, int parts) {
    int best = 1;
    double least = Double.MAX_VALUE;
    for (int i = 1; i <= parts; i++) {
      if (parts % i == 0) {
        long high = ((rows + ROWS - 1) / ROWS + i - 1) / i;
        long wide = ((columns + COLUMNS - 1) / COLUMNS + parts / i - 1) / (parts / i);
        double cost = (double) high * wide + PACKING * (high * ROWS + wide * COLUMNS);
        if (cost < least) {
          least = cost;
          best = i;
        }
      }
    }
    return best;
  }

  /** Rows {@code [i0, i1)} by a block of b: from column j and depth p on. */
  private static int multiply(
      ProgramRecord record, int part, long i0, long i1, long j, long columns, long p) {
    long k = record.integer(2);
    long aStride = 4 * record.integer(3);
    long bStride = 4 * record.integer(4);
    long outStride = 4 * record.integer(5);
    int flags = (int) record.integer(6);
    boolean transposeA = (flags & TRANSPOSE_A) != 0;
    boolean transposeB = (flags & TRANSPOSE_B) != 0;
    long aRow = transposeA ? 4 : aStride;
    long aStep = transposeA ? aStride : 4;
    long bStep = transposeB ? 4 : bStride;
    long bColumn = transposeB ? bStride : 4;
    boolean accumulate = (flags & ACCUMULATE) != 0 && record.adds(0);
    long bias = record.pointer(3);
    long out = record.pointer(0) + 4 * j;
    long scratch = record.scratch(part);
    long depth = Math.min(DEPTH, k - p);
    MatmulBlock.pack(
        scratch, record.pointer(2) + p * bStep + j * bColumn, bStep, bColumn, depth, columns);
    for (long i = i0; i < i1; i += BLOCK_ROWS) {
      if (record.cancelled()) {
        return Status.CANCELLED;
      }
      long rows = Math.min(BLOCK_ROWS, i1 - i);
      MatmulBlock.packRowPanels(
          scratch + ROWS_AT, record.pointer(1) + i * aRow + p * aStep, aRow, aStep, rows, depth);
      long start = p == 0 && bias != 0 ? bias + 4 * j : 0;
      tiles(scratch, rows, depth, columns, out + i * outStride, outStride, start, accumulate, p);
    }
    return Status.OK;
  }

  private static void tiles(
      long scratch,
      long rows,
      long depth,
      long columns,
      long out,
      long outRow,
      long bias,
      boolean accumulate,
      long p) {
    boolean add = accumulate || p > 0;
    if (accumulate && bias != 0) {
      addBias(bias, out, outRow, rows, columns);
    }
    long tile = scratch + TILE_AT;
    long base = scratch + BASE_AT;
    Memory.fill(base, MatmulBlock.PANEL_ROW, 0);
    long panel = scratch;
    for (long j = 0; j < columns; j += COLUMNS) {
      long wide = Math.min(COLUMNS, columns - j);
      if (!add && bias != 0) {
        Memory.copy(base, bias + 4 * j, 4 * wide);
      }
      long from = scratch + ROWS_AT;
      for (long i = 0; i < rows; i += ROWS) {
        long high = Math.min(ROWS, rows - i);
        long to = out + i * outRow + 4 * j;
        boolean whole = high == ROWS && wide == COLUMNS;
        MatmulTile.multiply(
            from,
            MatmulBlock.ROW_PANEL_STEP,
            panel,
            MatmulBlock.PANEL_ROW,
            depth,
            whole ? to : tile,
            whole ? outRow : MatmulBlock.PANEL_ROW,
            whole && add ? 0 : base);
        if (!whole) {
          MatmulBlock.finish(tile, high, wide, to, outRow, add);
        }
        from += depth * MatmulBlock.ROW_PANEL_STEP;
      }
      panel += depth * MatmulBlock.PANEL_ROW;
    }
  }

  /** Adds the bias to a block that is accumulated into. */
  private static void addBias(long bias, long out, long outStride, long rows, long columns) {
    for (long i = 0; i < rows; i++) {
      for (long j = 0; j < columns; j++) {
        long at = out + i * outStride + 4 * j;
        Memory.setFloat(at, Memory.getFloat(at) + Memory.getFloat(bias + 4 * j));
      }
    }
  }
}
