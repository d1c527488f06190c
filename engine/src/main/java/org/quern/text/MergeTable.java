package org.quern.text;

import java.util.Arrays;

/** Which pairs of ids merge, into which id and how early: open addressing, without boxes. */
final class MergeTable {
  private static final long EMPTY = -1;

  private final long[] pairs;
  private final int[] ranks;
  private final int[] results;
  private final int mask;
  private int size;

  MergeTable(int count) {
    int capacity = Integer.highestOneBit(Math.max(8, count) * 2 - 1) << 1;
    pairs = new long[capacity];
    Arrays.fill(pairs, EMPTY);
    ranks = new int[capacity];
    results = new int[capacity];
    mask = capacity - 1;
  }

  /** Adds a pair; the first rank of a pair stands. */
  void add(int left, int right, int rank, int result) {
    long pair = (long) left << 32 | right;
    int slot = slot(pair);
    if (pairs[slot] == pair) {
      return;
    }
    pairs[slot] = pair;
    ranks[slot] = rank;
    results[slot] = result;
    size++;
  }

  /** How many different pairs there are. */
  int size() {
    return size;
  }

  /** Where the pair stands, for {@link #rank} and {@link #result}; −1 if it does not merge. */
  int find(int left, int right) {
    long pair = (long) left << 32 | right;
    int slot = slot(pair);
    return pairs[slot] == pair ? slot : -1;
  }

  int rank(int slot) {
    return ranks[slot];
  }

  int result(int slot) {
    return results[slot];
  }

  private int slot(long pair) {
    long hash = pair * 0x9E3779B97F4A7C15L;
    int slot = (int) (hash >>> 32) & mask;
    while (pairs[slot] != EMPTY && pairs[slot] != pair) {
      slot = slot + 1 & mask;
    }
    return slot;
  }
}
