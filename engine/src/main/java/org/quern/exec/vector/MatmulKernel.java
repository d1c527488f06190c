package org.quern.exec.vector;

import static org.quern.exec.vector.MatmulTile.COLUMNS;
import static org.quern.exec.vector.MatmulTile.ROWS;

import org.quern.exec.Status;

/**
 * {@code out = op(a) op(b) + bias}, blocked as in Goto and van de Geijn 2008.
 *
 * <p>Of the two factors one is broadcast by rows (the row factor) and one is read by vectors (the
 * panel factor, packed). Where b is transposed, its rows run along the depth, so b becomes the row
 * factor and each tile is written transposed: weights, the larger factor, are then read once and
 * never packed. Where the row factor's rows do not run along the depth, it is packed too.
 */
final class MatmulKernel implements VectorKernel {
  private static final int TRANSPOSE_A = 1;
  private static final int TRANSPOSE_B = 2;
  private static final int ACCUMULATE = 4;

  /** Rows of out up to which b is streamed past a instead. */
  private static final long FEW_ROWS = 8;

  /** The same where b is transposed, and is not packed anyway. */
  private static final long FEW_ROWS_TRANSPOSED = 4;

  /** The depth of a block: deeper ones write out less often, and their panels still stay close. */
  static final long DEPTH = 768;

  private static final long PANELS_BYTES = 1L << 20;
  private static final long ROWS_BYTES = 1L << 19;

  private static final long ROWS_AT = PANELS_BYTES;
  private static final long TILE_AT = ROWS_AT + ROWS_BYTES;
  private static final long BASE_AT = TILE_AT + 2 * MatmulBlock.TILE_BYTES;

  @Override
  public int run(long record, int part, int parts) {
    long m = Fields.integer(record, 0);
    long n = Fields.integer(record, 1);
    long k = Fields.integer(record, 2);
    int flags = (int) Fields.integer(record, 6);
    if (m == 0 || n == 0) {
      return Status.OK;
    }
    long few = (flags & TRANSPOSE_B) == 0 ? FEW_ROWS : FEW_ROWS_TRANSPOSED;
    if (m <= few && (flags & TRANSPOSE_A) == 0) {
      return MatmulRows.run(record, part, parts);
    }
    long out = Fields.pointer(record, 0);
    long a = Fields.pointer(record, 1);
    long b = Fields.pointer(record, 2);
    long bias = Fields.pointer(record, 3);
    long aStride = 4 * Fields.integer(record, 3);
    long bStride = 4 * Fields.integer(record, 4);
    long outStride = 4 * Fields.integer(record, 5);
    boolean transposeA = (flags & TRANSPOSE_A) != 0;
    boolean add = (flags & ACCUMULATE) != 0 && Fields.adds(record, 0);
    long aRow = transposeA ? 4 : aStride;
    long aStep = transposeA ? aStride : 4;
    boolean swapped = (flags & TRANSPOSE_B) != 0;
    long rows = swapped ? n : m;
    long columns = swapped ? m : n;
    int rowParts = rowParts(rows, columns, parts);
    int columnParts = parts / rowParts;
    int rowPart = part / columnParts;
    int columnPart = part % columnParts;
    long i0 = Share.first(rows, ROWS, rowPart, rowParts);
    long i1 = Share.first(rows, ROWS, rowPart + 1, rowParts);
    long j0 = Share.first(columns, COLUMNS, columnPart, columnParts);
    long j1 = Share.first(columns, COLUMNS, columnPart + 1, columnParts);
    if (i0 == i1 || j0 == j1) {
      return Status.OK;
    }
    if (swapped) {
      out += 4 * i0 + j0 * outStride;
      if (add && bias != 0) {
        addBias(bias + 4 * i0, out, outStride, j1 - j0, i1 - i0);
      }
      return multiply(
          record,
          Fields.scratch(record, part),
          b + i0 * bStride,
          bStride,
          4,
          i1 - i0,
          a + j0 * aRow,
          aStep,
          aRow,
          j1 - j0,
          k,
          out,
          4,
          outStride,
          bias == 0 ? 0 : bias + 4 * i0,
          4,
          add);
    }
    out += i0 * outStride + 4 * j0;
    if (add && bias != 0) {
      addBias(bias + 4 * j0, out, outStride, i1 - i0, j1 - j0);
    }
    return multiply(
        record,
        Fields.scratch(record, part),
        a + i0 * aRow,
        aRow,
        aStep,
        i1 - i0,
        b + 4 * j0,
        bStride,
        4,
        j1 - j0,
        k,
        out,
        outStride,
        4,
        bias == 0 ? 0 : bias + 4 * j0,
        0,
        add);
  }

  /**
   * How many shares of rows the workers take; the rest of the factor {@code parts} are shares of
   * columns. The share with the fewest tiles wins, then the one that reads less.
   */
  static int rowParts(long rows, long columns, int parts) {
    int best = 1;
    double least = Double.MAX_VALUE;
    for (int i = 1; i <= parts; i++) {
      if (parts % i == 0) {
        long high = ((rows + ROWS - 1) / ROWS + i - 1) / i;
        long wide = ((columns + COLUMNS - 1) / COLUMNS + parts / i - 1) / (parts / i);
        double cost = (double) high * wide + 0.05 * (high * ROWS + wide * COLUMNS);
        if (cost < least) {
          least = cost;
          best = i;
        }
      }
    }
    return best;
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

  /**
   * One worker's share. Strides in bytes; {@code biasRow} as in {@link MatmulBlock#finish}: 4 where
   * tiles are written transposed.
   */
  private static int multiply(
      long record,
      long scratch,
      long r,
      long rRow,
      long rStep,
      long rows,
      long p,
      long pStep,
      long pColumn,
      long columns,
      long depth,
      long out,
      long outRow,
      long outColumn,
      long bias,
      long biasRow,
      boolean add) {
    long deepest = Math.max(1, Math.min(depth, DEPTH));
    long mostColumns = PANELS_BYTES / (4 * deepest) / COLUMNS * COLUMNS;
    long mostRows = ROWS_BYTES / (4 * deepest) / ROWS * ROWS;
    for (long j = 0; j < columns; j += mostColumns) {
      long wide = Math.min(mostColumns, columns - j);
      long k = 0;
      do {
        long deep = Math.min(deepest, depth - k);
        boolean more = add || k > 0;
        MatmulBlock.pack(scratch, p + k * pStep + j * pColumn, pStep, pColumn, deep, wide);
        for (long i = 0; i < rows; i += mostRows) {
          if (Fields.cancelled(record)) {
            return Status.CANCELLED;
          }
          long high = Math.min(mostRows, rows - i);
          long from = r + i * rRow + k * rStep;
          long fromRow = rRow;
          long fromStep = rStep;
          if (rStep != 4) {
            packRows(scratch + ROWS_AT, from, rRow, rStep, high, deep);
            from = scratch + ROWS_AT;
            fromRow = 4;
            fromStep = 4 * ROWS;
          }
          multiplyBlock(
              scratch,
              from,
              fromRow,
              fromStep,
              high,
              deep,
              wide,
              out + i * outRow + j * outColumn,
              outRow,
              outColumn,
              bias == 0 ? 0 : bias + i * biasRow + j * (4 - biasRow),
              biasRow,
              more);
        }
        k += deep;
      } while (k < depth);
    }
    return Status.OK;
  }

  private static void multiplyBlock(
      long scratch,
      long r,
      long rRow,
      long rStep,
      long rows,
      long depth,
      long columns,
      long out,
      long outRow,
      long outColumn,
      long bias,
      long biasRow,
      boolean add) {
    long tile = scratch + TILE_AT;
    long zeros = scratch + BASE_AT;
    long base = zeros + MatmulBlock.PANEL_ROW;
    boolean transposed = biasRow != 0;
    long rTile = rStep == 4 ? ROWS * rRow : depth * rStep;
    Memory.fill(zeros, 2 * MatmulBlock.PANEL_ROW, 0);
    long panel = scratch;
    for (long j = 0; j < columns; j += COLUMNS) {
      long wide = Math.min(COLUMNS, columns - j);
      boolean direct = !transposed && wide == COLUMNS;
      if (direct && bias != 0) {
        Memory.copy(base, bias + 4 * j, MatmulBlock.PANEL_ROW);
      }
      long from = r;
      for (long i = 0; i < rows; i += ROWS) {
        long high = Math.min(ROWS, rows - i);
        long to = out + i * outRow + j * outColumn;
        if (direct && high == ROWS) {
          MatmulTile.multiply(
              from,
              ROWS,
              rRow,
              rStep,
              panel,
              MatmulBlock.PANEL_ROW,
              depth,
              to,
              outRow,
              add ? 0 : base);
        } else {
          MatmulTile.multiply(
              from,
              (int) high,
              rRow,
              rStep,
              panel,
              MatmulBlock.PANEL_ROW,
              depth,
              tile,
              MatmulBlock.PANEL_ROW,
              zeros);
          long start = bias == 0 ? 0 : bias + i * biasRow + j * (4 - biasRow);
          MatmulBlock.finish(tile, high, wide, to, outRow, outColumn, add, start, biasRow);
        }
        from += rTile;
      }
      panel += depth * MatmulBlock.PANEL_ROW;
    }
  }

  /** Packs a block whose columns are contiguous into panels of {@link MatmulTile#ROWS} rows. */
  private static void packRows(long to, long from, long row, long step, long rows, long depth) {
    for (long i = 0; i < rows; i += ROWS) {
      long high = Math.min(ROWS, rows - i);
      for (long p = 0; p < depth; p++) {
        long source = from + i * row + p * step;
        if (high == ROWS && row == 4) {
          Memory.setLong(to, Memory.getLong(source));
          Memory.setLong(to + 8, Memory.getLong(source + 8));
          Memory.setLong(to + 16, Memory.getLong(source + 16));
          to += 4 * ROWS;
          continue;
        }
        for (long l = 0; l < high; l++) {
          Memory.setInt(to + 4 * l, Memory.getInt(source + l * row));
        }
        to += 4 * ROWS;
      }
    }
  }
}
