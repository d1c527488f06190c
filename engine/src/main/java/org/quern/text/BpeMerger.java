package org.quern.text;

import java.util.Arrays;

/**
 * Merges the bytes of one word, earliest-learned pair first, leftmost first among equals. Short
 * words are searched anew after each merge; long ones use a heap, so that a megabyte without a
 * space takes n log n. Not for several threads.
 */
final class BpeMerger {
  private static final int SHORT = 48;

  private final BpeVocabulary vocabulary;
  private final MergeTable table;
  private final int[] shortIds = new int[SHORT];

  BpeMerger(BpeVocabulary vocabulary) {
    this.vocabulary = vocabulary;
    this.table = vocabulary.table();
  }

  /** The ids of a word. */
  int[] merge(byte[] word) {
    int[] ids = word.length <= SHORT ? shortIds : new int[word.length];
    for (int i = 0; i < word.length; i++) {
      ids[i] = vocabulary.idOfByte(word[i]);
    }
    return word.length <= SHORT ? mergeShort(ids, word.length) : mergeLong(ids);
  }

  private int[] mergeShort(int[] ids, int count) {
    int size = count;
    while (size > 1) {
      int best = -1;
      int bestAt = 0;
      int bestRank = Integer.MAX_VALUE;
      for (int i = 0; i + 1 < size; i++) {
        int slot = table.find(ids[i], ids[i + 1]);
        if (slot >= 0 && table.rank(slot) < bestRank) {
          best = slot;
          bestAt = i;
          bestRank = table.rank(slot);
        }
      }
      if (best < 0) {
        break;
      }
      ids[bestAt] = table.result(best);
      System.arraycopy(ids, bestAt + 2, ids, bestAt + 1, size - bestAt - 2);
      size--;
    }
    return Arrays.copyOf(ids, size);
  }

  private int[] mergeLong(int[] ids) {
    int count = ids.length;
    int[] previous = new int[count];
    int[] next = new int[count];
    LongHeap heap = new LongHeap(count);
    for (int i = 0; i < count; i++) {
      previous[i] = i - 1;
      next[i] = i + 1 < count ? i + 1 : -1;
      offer(heap, ids, i, next[i]);
    }
    int size = count;
    while (!heap.isEmpty()) {
      long candidate = heap.poll();
      int left = (int) candidate;
      int right = next[left];
      int slot = ids[left] < 0 || right < 0 ? -1 : table.find(ids[left], ids[right]);
      // One of the pair may have merged with another meanwhile.
      if (slot >= 0 && table.rank(slot) == (int) (candidate >>> 32)) {
        ids[left] = table.result(slot);
        ids[right] = -1;
        next[left] = next[right];
        if (next[left] >= 0) {
          previous[next[left]] = left;
        }
        offer(heap, ids, left, next[left]);
        offer(heap, ids, previous[left], left);
        size--;
      }
    }
    int[] out = new int[size];
    int at = 0;
    for (int i = 0; i >= 0; i = next[i]) {
      out[at++] = ids[i];
    }
    return out;
  }

  /** The rank above, the place below: the heap's order is the order of merging. */
  private void offer(LongHeap heap, int[] ids, int left, int right) {
    int slot = left < 0 || right < 0 ? -1 : table.find(ids[left], ids[right]);
    if (slot >= 0) {
      heap.add((long) table.rank(slot) << 32 | left);
    }
  }
}
