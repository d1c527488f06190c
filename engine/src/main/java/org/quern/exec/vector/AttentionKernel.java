package org.quern.exec.vector;

import static org.quern.exec.vector.MatmulTile.COLUMNS;

import org.quern.exec.Status;

/**
 * {@code out = dropout(softmax(scale q k^T + mask)) v} by head, in tiles that never leave a
 * worker's scratch (FlashAttention-2, Dao 2023). Split by tiles of query rows; blocks of keys and
 * values, once packed, are kept for the following tiles.
 */
final class AttentionKernel implements VectorKernel {
  /** Query rows up to which nothing is packed: decoding. */
  private static final long FEW_ROWS = 4;

  /** Keys of a block when nothing is packed. */
  private static final long FEW_ROWS_KEYS = 512;

  /** Of the record's flags: k and v are {@code [B, G, S, D]}. */
  private static final int KEYS_BY_HEAD = 1;

  /** Of the record's flags: k and v are stored as BF16. */
  static final int KEYS_BF16 = 2;

  /** The widest head that the scratch has room for. */
  static final long WIDEST_HEAD = 4096;

  private static final int MOST_SLOTS = 64;

  private static final long TAGS_AT = 0;
  private static final long ZEROS_AT = 1024;
  private static final long SUM_AT = 1536;
  private static final long RANDOM_AT = 2048;
  private static final long STATES_AT = 8192;
  private static final long SCORES_AT = 16384;
  private static final long OUT_AT = 65536;
  private static final long ROW_PANELS_AT = 262144;
  private static final long SLOTS_AT = 393216;
  private static final long WIDENED_BYTES = 262144;
  private static final long WIDENED_AT = Fields.WORK_BYTES - WIDENED_BYTES;

  @Override
  public int run(ProgramRecord record, int part, int parts) {
    long b = record.integer(0);
    long t = record.integer(1);
    long h = record.integer(2);
    long d = record.integer(4);
    if (d > WIDEST_HEAD) {
      return Status.BAD_PROGRAM;
    }
    if (b * t * h == 0) {
      return Status.OK;
    }
    long scratch = record.scratch(part);
    Memory.fill(scratch + TAGS_AT, 8 * MOST_SLOTS, 0);
    Memory.fill(scratch + ZEROS_AT, 4L * COLUMNS, 0);
    long high = t <= FEW_ROWS ? 1 : tileRows(d);
    long tiles = (t + high - 1) / high;
    long last = Share.first(b * h * tiles, 1, part + 1, parts);
    for (long item = Share.first(b * h * tiles, 1, part, parts); item < last; item++) {
      if (record.cancelled()) {
        return Status.CANCELLED;
      }
      long sequence = item / tiles / h;
      long head = item / tiles % h;
      long row = item % tiles * high;
      int start = start(record, sequence);
      if (t <= FEW_ROWS) {
        row(record, scratch, sequence, head, row, start);
      } else {
        tile(record, scratch, sequence, head, row, Math.min(high, t - row), start);
      }
    }
    return Status.OK;
  }

  private static int start(ProgramRecord record, long sequence) {
    long starts = record.pointer(5);
    return starts == 0 ? 0 : Memory.getInt(starts + 4 * sequence);
  }

  /** Query rows of a tile, whole tiles of {@link MatmulTile}: as the scratch allows. */
  private static long tileRows(long d) {
    return d <= 512 ? 48 : 6;
  }

  /** Keys of a packed block. */
  private static long blockKeys(long d) {
    return d <= 1024 ? 64 : 16;
  }

  private static void tile(
      ProgramRecord record,
      long scratch,
      long sequence,
      long head,
      long row,
      long rows,
      long start) {
    long d = record.integer(4);
    long keys = record.integer(9);
    long window = record.integer(10);
    boolean causal = record.integer(11) != 0;
    float scale = record.floating(0);
    long blockKeys = blockKeys(d);
    long scores = scratch + SCORES_AT;
    long scoresRow = 4 * Math.max(blockKeys, COLUMNS);
    long sums = scratch + OUT_AT;
    long sumsRow = (d + COLUMNS - 1) / COLUMNS * MatmulBlock.PANEL_ROW;
    long qRow = 4 * record.integer(5);
    long q = record.pointer(2) + queryAt(record, sequence, row) * qRow + 4 * head * d;
    begin(scratch, rows);
    Memory.fill(sums, rows * sumsRow, 0);
    long first = AttentionRow.firstKey(start + row, causal, window);
    long last = AttentionRow.lastKey(start + row + rows - 1, causal, keys);
    for (long key = first / blockKeys * blockKeys; key < last; key += blockKeys) {
      long packed = Math.min(blockKeys, keys - key);
      long seen = Math.min(packed, last - key);
      long kPanels = packed(record, scratch, sequence, head, key, packed);
      long vPanels = kPanels + MatmulBlock.panelBytes(d, packed);
      MatmulBlock.panels(
          q,
          qRow,
          rows,
          scratch + ROW_PANELS_AT,
          kPanels,
          d * MatmulBlock.PANEL_ROW,
          d,
          seen,
          scores,
          scoresRow,
          scratch + ZEROS_AT);
      for (long i = 0; i < rows; i++) {
        long position = start + row + i;
        long low = Math.max(0, AttentionRow.firstKey(position, causal, window) - key);
        long high = Math.min(seen, AttentionRow.lastKey(position, causal, keys) - key);
        AttentionRow.weigh(
            scores + i * scoresRow,
            seen,
            low,
            high,
            scale,
            scratch + STATES_AT + i * AttentionRow.STATE_BYTES,
            sums + i * sumsRow,
            sumsRow);
        drop(record, scratch, sequence, head, row + i, key, high, scores + i * scoresRow);
      }
      MatmulBlock.panels(
          scores,
          scoresRow,
          rows,
          scratch + ROW_PANELS_AT,
          vPanels,
          packed * MatmulBlock.PANEL_ROW,
          seen,
          d,
          sums,
          sumsRow,
          0);
    }
    finish(record, scratch, sequence, head, row, rows, sumsRow);
  }

  /** One query row, with keys and values where they lie. */
  private static void row(
      ProgramRecord record, long scratch, long sequence, long head, long row, long start) {
    long d = record.integer(4);
    long keys = record.integer(9);
    long window = record.integer(10);
    boolean causal = record.integer(11) != 0;
    float scale = record.floating(0);
    long kRow = keyRow(record, 3);
    long vRow = keyRow(record, 4);
    long q =
        record.pointer(2) + queryAt(record, sequence, row) * 4 * record.integer(5) + 4 * head * d;
    long scores = scratch + SCORES_AT;
    long sums = scratch + OUT_AT;
    long sumsBytes = (d + COLUMNS - 1) / COLUMNS * MatmulBlock.PANEL_ROW;
    begin(scratch, 1);
    Memory.fill(sums, sumsBytes, 0);
    long first = AttentionRow.firstKey(start + row, causal, window);
    long last = AttentionRow.lastKey(start + row, causal, keys);
    long most = stored(record) ? Math.min(FEW_ROWS_KEYS, WIDENED_BYTES / (4 * d)) : FEW_ROWS_KEYS;
    for (long key = first; key < last; key += most) {
      long seen = Math.min(most, last - key);
      long k = keys(record, 3, scratch, sequence, head, key, seen);
      MatmulRows.dots(scores, q, k, kRow, d, seen);
      AttentionRow.weigh(scores, seen, 0, seen, scale, scratch + STATES_AT, sums, sumsBytes);
      drop(record, scratch, sequence, head, row, key, seen, scores);
      long v = keys(record, 4, scratch, sequence, head, key, seen);
      MatmulRows.add(sums, scores, v, vRow, seen, d);
    }
    finish(record, scratch, sequence, head, row, 1, sumsBytes);
  }

  private static void begin(long scratch, long rows) {
    for (long i = 0; i < rows; i++) {
      AttentionRow.begin(scratch + STATES_AT + i * AttentionRow.STATE_BYTES);
    }
  }

  private static void finish(
      ProgramRecord record,
      long scratch,
      long sequence,
      long head,
      long row,
      long rows,
      long sumsRow) {
    long t = record.integer(1);
    long d = record.integer(4);
    long outRow = 4 * record.integer(8);
    long out = record.pointer(0) + (sequence * t + row) * outRow + 4 * head * d;
    long lse = record.pointer(1) + 4 * ((sequence * record.integer(2) + head) * t + row);
    for (long i = 0; i < rows; i++) {
      AttentionRow.finish(
          out + i * outRow,
          4 * d,
          lse + 4 * i,
          scratch + STATES_AT + i * AttentionRow.STATE_BYTES,
          scratch + OUT_AT + i * sumsRow,
          scratch + SUM_AT);
    }
  }

  private static long queryAt(ProgramRecord record, long sequence, long row) {
    return sequence * record.integer(1) + row;
  }

  private static boolean stored(ProgramRecord record) {
    return (record.integer(13) & KEYS_BF16) != 0;
  }

  /** The bytes from one row of floats of k (pointer 3) or v (pointer 4) to the next. */
  private static long keyRow(ProgramRecord record, int pointer) {
    return 4 * record.integer(pointer + 3);
  }

  /**
   * The address of rows of k (pointer 3) or v (pointer 4) of the head's group, as floats: where
   * they stand, or in the scratch, where the next ones of BF16 take their place.
   */
  private static long keys(
      ProgramRecord record,
      int pointer,
      long scratch,
      long sequence,
      long head,
      long key,
      long count) {
    long g = record.integer(3);
    long d = record.integer(4);
    long s = record.integer(9);
    long flags = record.integer(13);
    long stride = record.integer(pointer + 3);
    long group = head / (record.integer(2) / g);
    long at =
        (flags & KEYS_BY_HEAD) != 0
            ? ((sequence * g + group) * s + key) * stride
            : (sequence * s + key) * stride + group * d;
    if (!stored(record)) {
      return record.pointer(pointer) + 4 * at;
    }
    RoundKernel.widen(scratch + WIDENED_AT, record.pointer(pointer) + 2 * at, 0, count * stride);
    return scratch + WIDENED_AT;
  }

  /** The panels of k transposed, then of v, of a block: packed now, or found packed. */
  private static long packed(
      ProgramRecord record, long scratch, long sequence, long head, long key, long keys) {
    long d = record.integer(4);
    long blockKeys = blockKeys(d);
    long slotBytes = MatmulBlock.panelBytes(d, blockKeys) + MatmulBlock.panelBytes(blockKeys, d);
    long end = stored(record) ? WIDENED_AT : Fields.WORK_BYTES;
    long slots = Math.min(MOST_SLOTS, (end - SLOTS_AT) / slotBytes);
    long group = head / (record.integer(2) / record.integer(3));
    long blocks = (record.integer(9) + blockKeys - 1) / blockKeys;
    long tag = (sequence * record.integer(3) + group) * blocks + key / blockKeys + 1;
    long slot = tag % slots;
    long panels = scratch + SLOTS_AT + slot * slotBytes;
    if (Memory.getLong(scratch + TAGS_AT + 8 * slot) != tag) {
      Memory.setLong(scratch + TAGS_AT + 8 * slot, tag);
      long k = keys(record, 3, scratch, sequence, head, key, keys);
      MatmulBlock.pack(panels, k, 4, keyRow(record, 3), d, keys);
      long v = keys(record, 4, scratch, sequence, head, key, keys);
      MatmulBlock.pack(panels + MatmulBlock.panelBytes(d, keys), v, keyRow(record, 4), 4, keys, d);
    }
    return panels;
  }

  /** Drops weights of keys {@code [key, key + high)} of a row. */
  private static void drop(
      ProgramRecord record,
      long scratch,
      long sequence,
      long head,
      long row,
      long key,
      long high,
      long weights) {
    float probability = record.floating(1);
    if (probability > 0 && high > 0) {
      long random = scratch + RANDOM_AT + 64;
      random(record, random, sequence, head, row, key, high);
      DropoutKernel.drop(weights, weights, random, 4 * high, probability);
    }
  }

  /** The random numbers that decide about a row's weights for keys from {@code key} on. */
  static void random(
      ProgramRecord record, long to, long sequence, long head, long row, long key, long count) {
    long index =
        ((sequence * record.integer(2) + head) * record.integer(1) + row) * record.integer(9) + key;
    Philox.uniform(to, record.step(), (int) record.integer(12), index, count);
  }
}
