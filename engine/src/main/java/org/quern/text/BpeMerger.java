package org.quern.text;

import java.util.Arrays;
import java.util.PriorityQueue;

/**
 * Merges the bytes of one word, earliest-learned pair first, leftmost first among equals. Short
 * words are searched anew after each merge; long ones use a heap, so that a megabyte without a
 * space takes n log n. Not for several threads.
 */
final class BpeMerger {
  private static final int SHORT = 48;

  private record Candidate(int rank, int left, int right, int leftId, int rightId, int result)
      implements Comparable<Candidate> {
    @Override
    public int compareTo(Candidate other) {
      return rank != other.rank
          ? Integer.compare(rank, other.rank)
          : Integer.compare(left, other.left);
    }
  }

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
    for (int i = 0; i < count; i++) {
      previous[i] = i - 1;
      next[i] = i + 1 < count ? i + 1 : -1;
    }
    PriorityQueue<Candidate> queue = new PriorityQueue<>();
    for (int i = 0; i + 1 < count; i++) {
      offer(queue, ids, i, i + 1);
    }
    int size = count;
    for (Candidate c = queue.poll(); c != null; c = queue.poll()) {
      boolean stale =
          next[c.left] != c.right || ids[c.left] != c.leftId || ids[c.right] != c.rightId;
      if (stale) {
        continue;
      }
      ids[c.left] = c.result;
      ids[c.right] = -1;
      next[c.left] = next[c.right];
      if (next[c.left] >= 0) {
        previous[next[c.left]] = c.left;
        offer(queue, ids, c.left, next[c.left]);
      }
      if (previous[c.left] >= 0) {
        offer(queue, ids, previous[c.left], c.left);
      }
      size--;
    }
    int[] out = new int[size];
    int at = 0;
    for (int i = 0; i >= 0; i = next[i]) {
      out[at++] = ids[i];
    }
    return out;
  }

  private void offer(PriorityQueue<Candidate> queue, int[] ids, int left, int right) {
    int slot = table.find(ids[left], ids[right]);
    if (slot >= 0) {
      queue.add(
          new Candidate(table.rank(slot), left, right, ids[left], ids[right], table.result(slot)));
    }
  }
}
