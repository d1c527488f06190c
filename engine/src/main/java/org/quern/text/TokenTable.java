package org.quern.text;

import java.util.Arrays;

/** Tokens as bytes, one behind the other, and the number of each: open addressing, no objects. */
final class TokenTable {
  private static final int EMPTY = -1;

  private byte[] pool = new byte[1 << 16];
  private int[] starts = new int[1 << 12];
  private int[] slots = new int[1 << 13];
  private int size;

  TokenTable() {
    Arrays.fill(slots, EMPTY);
  }

  int size() {
    return size;
  }

  /** The bytes of the token with this number. */
  byte[] bytes(int number) {
    return Arrays.copyOfRange(pool, starts[number], starts[number + 1]);
  }

  /** Adds what lies in a buffer, under the next number; whether it was not there yet. */
  boolean add(byte[] buffer, int length) {
    if (size + 2 > starts.length) {
      grow();
    }
    int slot = slot(buffer, 0, length);
    if (slots[slot] != EMPTY) {
      return false;
    }
    int start = starts[size];
    if (length > pool.length - start) {
      pool = Arrays.copyOf(pool, 2 * pool.length + length);
    }
    System.arraycopy(buffer, 0, pool, start, length);
    slots[slot] = size;
    size++;
    starts[size] = start + length;
    return true;
  }

  /** The number of the token that lies in a buffer there; −1 if there is none. */
  int find(byte[] buffer, int from, int to) {
    return slots[slot(buffer, from, to)];
  }

  private void grow() {
    starts = Arrays.copyOf(starts, 2 * starts.length);
    slots = new int[2 * slots.length];
    Arrays.fill(slots, EMPTY);
    for (int number = 0; number < size; number++) {
      slots[slot(pool, starts[number], starts[number + 1])] = number;
    }
  }

  private int slot(byte[] buffer, int from, int to) {
    int mask = slots.length - 1;
    int slot = hash(buffer, from, to) & mask;
    while (slots[slot] != EMPTY && !isAt(slots[slot], buffer, from, to)) {
      slot = slot + 1 & mask;
    }
    return slot;
  }

  private boolean isAt(int number, byte[] buffer, int from, int to) {
    return Arrays.equals(pool, starts[number], starts[number + 1], buffer, from, to);
  }

  private static int hash(byte[] buffer, int from, int to) {
    int hash = 1;
    for (int index = from; index < to; index++) {
      hash = hash * 0x01000193 ^ buffer[index];
    }
    hash *= 0x9E3779B9;
    return hash >>> 16 ^ hash;
  }
}
