package org.quern.exec.vector;

import static org.quern.exec.vector.MatmulTile.COLUMNS;

import org.quern.exec.Status;

/**
 * The adjoint of {@link AttentionKernel} (FlashAttention-2, Dao 2023, algorithm 2): the weights p
 * are made again from the log-sum-exp of each row. With p' the weights after dropout, dp =
 * dropout(dout v^T) and delta = sum(dout * out): {@code dv = p'^T dout}, {@code ds = p (dp - delta)
 * scale}, {@code dq = ds k}, {@code dk = ds^T q}. Split by (sequence, key/value head); gradients
 * are assigned.
 */
final class AttentionBackward implements VectorKernel {
  private static final long ROWS = 48;

  private static final long ZEROS_AT = 0;
  private static final long SUM_AT = 256;
  private static final long RANDOM_AT = 1024;
  private static final long ADD_AT = 4096;
  private static final long WEIGHTS_AT = 65536;
  private static final long GRADIENTS_AT = 98304;
  private static final long PANELS_AT = 131072;

  @Override
  public int run(ProgramRecord record, int part, int parts) {
    long b = record.integer(0);
    long h = record.integer(2);
    long g = record.integer(3);
    long d = record.integer(4);
    if (d > AttentionKernel.WIDEST_HEAD) {
      return Status.BAD_PROGRAM;
    }
    if (b * h * g == 0) {
      return Status.OK;
    }
    long scratch = record.scratch(part);
    Memory.fill(scratch + ZEROS_AT, 4L * COLUMNS, 0);
    long last = Share.first(b * g, 1, part + 1, parts);
    for (long item = Share.first(b * g, 1, part, parts); item < last; item++) {
      int status = group(record, scratch, item / g, item % g, h / g);
      if (status != Status.OK) {
        return status;
      }
    }
    return Status.OK;
  }

  /** Keys of a block: whole tiles of {@link MatmulTile} both as rows and as columns. */
  private static long blockKeys(long d) {
    return d <= 1024 ? 96 : 16;
  }

  private static int group(
      ProgramRecord record, long scratch, long sequence, long group, long heads) {
    long t = record.integer(1);
    long d = record.integer(4);
    long qRow = 4 * record.integer(5);
    long kRow = 4 * record.integer(6);
    long vRow = 4 * record.integer(7);
    long keys = record.integer(9);
    long window = record.integer(10);
    boolean causal = record.integer(11) != 0;
    long firstHead = group * heads;
    clear(record.pointer(0) + sequence * t * qRow + 4 * firstHead * d, qRow, t, 4 * d * heads);
    clear(record.pointer(1) + sequence * keys * kRow + 4 * group * d, kRow, keys, 4 * d);
    clear(record.pointer(2) + sequence * keys * vRow + 4 * group * d, vRow, keys, 4 * d);
    long blockKeys = blockKeys(d);
    for (long key = 0; key < keys; key += blockKeys) {
      long packed = Math.min(blockKeys, keys - key);
      long k = record.pointer(5) + (sequence * keys + key) * kRow + 4 * group * d;
      long v = record.pointer(6) + (sequence * keys + key) * vRow + 4 * group * d;
      MatmulBlock.pack(scratch + PANELS_AT, k, 4, kRow, d, packed);
      MatmulBlock.pack(
          scratch + PANELS_AT + MatmulBlock.panelBytes(d, packed), v, 4, vRow, d, packed);
      long firstRow = causal ? key / ROWS * ROWS : 0;
      long lastRow = causal && window > 0 ? Math.min(t, key + packed + window - 1) : t;
      for (long head = firstHead; head < firstHead + heads; head++) {
        for (long row = firstRow; row < lastRow; row += ROWS) {
          if (record.cancelled()) {
            return Status.CANCELLED;
          }
          tile(record, scratch, sequence, head, group, row, Math.min(ROWS, t - row), key, packed);
        }
      }
    }
    return Status.OK;
  }

  private static void clear(long x, long row, long rows, long bytes) {
    for (long i = 0; i < rows; i++) {
      Memory.fill(x + i * row, bytes, 0);
    }
  }

  private static void tile(
      ProgramRecord record,
      long scratch,
      long sequence,
      long head,
      long group,
      long row,
      long rows,
      long key,
      long packed) {
    long t = record.integer(1);
    long d = record.integer(4);
    long keys = record.integer(9);
    boolean causal = record.integer(11) != 0;
    long qRow = 4 * record.integer(5);
    long kRow = 4 * record.integer(6);
    long vRow = 4 * record.integer(7);
    long outRow = 4 * record.integer(8);
    long qAt = (sequence * t + row) * qRow + 4 * head * d;
    long kAt = (sequence * keys + key) * kRow + 4 * group * d;
    long vAt = (sequence * keys + key) * vRow + 4 * group * d;
    long dout = record.pointer(3) + (sequence * t + row) * outRow + 4 * head * d;
    long seen = Math.min(packed, AttentionRow.lastKey(row + rows - 1, causal, keys) - key);
    if (seen <= 0) {
      return;
    }
    long weights = scratch + WEIGHTS_AT;
    long gradients = scratch + GRADIENTS_AT;
    long tileRow = 4 * Math.max(blockKeys(d), COLUMNS);
    long panels = scratch + PANELS_AT;
    long panelBytes = d * MatmulBlock.PANEL_ROW;
    long zeros = scratch + ZEROS_AT;
    long add = scratch + ADD_AT;
    long rowPanels = panels + 2 * MatmulBlock.panelBytes(d, packed);
    MatmulBlock.panels(
        record.pointer(4) + qAt,
        qRow,
        rows,
        rowPanels,
        panels,
        panelBytes,
        d,
        seen,
        weights,
        tileRow,
        zeros);
    MatmulBlock.panels(
        dout,
        outRow,
        rows,
        rowPanels,
        panels + MatmulBlock.panelBytes(d, packed),
        panelBytes,
        d,
        seen,
        gradients,
        tileRow,
        zeros);
    for (long i = 0; i < rows; i++) {
      row(
          record,
          scratch,
          sequence,
          head,
          row + i,
          key,
          seen,
          weights + i * tileRow,
          gradients + i * tileRow);
    }
    MatmulBlock.add(
        weights,
        MatmulBlock.ROW_PANEL_STEP,
        tileRow,
        seen,
        dout,
        outRow,
        rows,
        d,
        record.pointer(2) + vAt,
        vRow,
        add);
    MatmulBlock.add(
        gradients,
        MatmulBlock.ROW_PANEL_STEP,
        tileRow,
        seen,
        record.pointer(4) + qAt,
        qRow,
        rows,
        d,
        record.pointer(1) + kAt,
        kRow,
        add);
    MatmulBlock.packRowPanels(rowPanels, gradients, tileRow, 4, rows, seen);
    MatmulBlock.add(
        rowPanels,
        seen * MatmulBlock.ROW_PANEL_STEP,
        MatmulBlock.ROW_PANEL_STEP,
        rows,
        record.pointer(5) + kAt,
        kRow,
        seen,
        d,
        record.pointer(0) + qAt,
        qRow,
        add);
  }

  /** From products to p' and ds, in place. */
  private static void row(
      ProgramRecord record,
      long scratch,
      long sequence,
      long head,
      long row,
      long key,
      long seen,
      long weights,
      long gradients) {
    long t = record.integer(1);
    long d = record.integer(4);
    long keys = record.integer(9);
    long window = record.integer(10);
    boolean causal = record.integer(11) != 0;
    float scale = record.floating(0);
    float probability = record.floating(1);
    long low = Math.max(0, AttentionRow.firstKey(row, causal, window) - key);
    long high = Math.min(seen, AttentionRow.lastKey(row, causal, keys) - key);
    long bytes = (4 * seen + Lanes.BYTES - 1) / Lanes.BYTES * Lanes.BYTES;
    float lse =
        Memory.getFloat(record.pointer(8) + 4 * ((sequence * record.integer(2) + head) * t + row));
    if (high <= low || lse == Float.NEGATIVE_INFINITY) {
      Memory.fill(weights, bytes, 0);
      Memory.fill(gradients, bytes, 0);
      return;
    }
    long outAt = (sequence * t + row) * 4 * record.integer(8) + 4 * head * d;
    float delta =
        AttentionRow.dot(
            record.pointer(3) + outAt, record.pointer(7) + outAt, 4 * d, scratch + SUM_AT);
    AttentionRow.scale(weights, bytes, low, high, scale);
    Functions.exp(weights, weights, bytes, lse);
    long random = scratch + RANDOM_AT + 64;
    if (probability > 0) {
      AttentionKernel.random(record, random, sequence, head, row, key, high);
      DropoutKernel.drop(gradients, gradients, random, 4 * high, probability);
    }
    AttentionRow.gradients(gradients, weights, bytes, delta, scale);
    if (probability > 0) {
      DropoutKernel.drop(weights, weights, random, 4 * high, probability);
    }
  }
}
