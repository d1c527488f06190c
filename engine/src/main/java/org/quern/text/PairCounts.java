package org.quern.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** How often each pair of ids occurs and in which words: open addressing that grows. */
final class PairCounts {

  /** Takes the pairs that occur. */
  @FunctionalInterface
  interface Visitor {
    void visit(int left, int right, long count);
  }

  private int[] index = new int[1 << 12];
  private long[] keys = new long[1 << 11];
  private long[] counts = new long[1 << 11];
  private boolean[] queued = new boolean[1 << 11];
  private final List<IntList> words = new ArrayList<>();
  private int size;

  PairCounts() {
    Arrays.fill(index, -1);
  }

  /** The pair's place, made if need be; it stays the same. */
  int slot(int left, int right) {
    long key = (long) left << 32 | right;
    int at = find(key);
    if (index[at] >= 0) {
      return index[at];
    }
    if (size == keys.length) {
      grow();
      at = find(key);
    }
    keys[size] = key;
    words.add(new IntList(2));
    index[at] = size;
    return size++;
  }

  long count(int slot) {
    return counts[slot];
  }

  void add(int slot, long more) {
    counts[slot] += more;
  }

  void clear(int slot) {
    counts[slot] = 0;
  }

  /** Notes that the pair occurs in a word; words come in groups, so the last one is looked at. */
  void seen(int slot, int word) {
    IntList list = words.get(slot);
    if (list.size() == 0 || list.get(list.size() - 1) != word) {
      list.add(word);
    }
  }

  /** The words the pair was seen in, some of which may have lost it; forgets them. */
  int[] takeSeen(int slot) {
    int[] seen = words.get(slot).toArray();
    words.set(slot, new IntList(1));
    return seen;
  }

  /** Marks the pair; {@code false} if it was marked. */
  boolean queue(int slot) {
    boolean fresh = !queued[slot];
    queued[slot] = true;
    return fresh;
  }

  /** Takes the mark off; {@code false} if the pair does not occur. */
  boolean unqueue(int slot) {
    queued[slot] = false;
    return counts[slot] > 0;
  }

  void forEach(Visitor visitor) {
    for (int slot = 0; slot < size; slot++) {
      if (counts[slot] > 0) {
        visitor.visit((int) (keys[slot] >>> 32), (int) keys[slot], counts[slot]);
      }
    }
  }

  private int find(long key) {
    int mask = index.length - 1;
    int at = (int) (key * 0x9E3779B97F4A7C15L >>> 32) & mask;
    while (index[at] >= 0 && keys[index[at]] != key) {
      at = at + 1 & mask;
    }
    return at;
  }

  private void grow() {
    keys = Arrays.copyOf(keys, size * 2);
    counts = Arrays.copyOf(counts, size * 2);
    queued = Arrays.copyOf(queued, size * 2);
    index = new int[size * 4];
    Arrays.fill(index, -1);
    for (int slot = 0; slot < size; slot++) {
      index[find(keys[slot])] = slot;
    }
  }
}
