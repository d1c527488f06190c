package org.quern.text;

import java.util.Arrays;
import java.util.PriorityQueue;

/**
 * The learning of byte pairs: words as rows of ids in one array, a count for each pair, the words
 * each pair has been seen in, and a heap of pairs whose counts are checked when they come up.
 */
final class BpeLearner {
  private record Pair(long count, int left, int right) implements Comparable<Pair> {
    @Override
    public int compareTo(Pair other) {
      if (count != other.count) {
        return Long.compare(other.count, count);
      }
      return left != other.left
          ? Integer.compare(left, other.left)
          : Integer.compare(right, other.right);
    }
  }

  private final int[] starts;
  private final int[] lengths;
  private final long[] frequencies;
  private int words;
  private int[] symbols = new int[1 << 16];
  private int used;
  private PairCounts pairs = new PairCounts();
  private final PriorityQueue<Pair> queue = new PriorityQueue<>();
  private final IntList touched = new IntList(64);
  private final IntList lefts = new IntList(1024);
  private final IntList rights = new IntList(1024);

  BpeLearner(int words) {
    starts = new int[words];
    lengths = new int[words];
    frequencies = new long[words];
  }

  void add(byte[] word, long frequency) {
    if (used > Integer.MAX_VALUE - 8 - word.length) {
      throw new TokenizerException(
          "The different words of the text hold more than 2 GiB; learn the tokenizer from a part of"
              + " it.");
    }
    if (used + word.length > symbols.length) {
      long doubled = Math.min(Integer.MAX_VALUE - 8L, symbols.length * 2L);
      symbols = Arrays.copyOf(symbols, (int) Math.max(doubled, used + word.length));
    }
    starts[words] = used;
    lengths[words] = word.length;
    frequencies[words] = frequency;
    for (byte b : word) {
      symbols[used++] = b & 0xFF;
    }
    words++;
  }

  /** Learns up to so many merges and returns how many there were to learn. */
  int learn(int most, long leastFrequency) {
    for (int word = 0; word < words; word++) {
      for (int i = starts[word]; i + 1 < starts[word] + lengths[word]; i++) {
        int slot = pairs.slot(symbols[i], symbols[i + 1]);
        pairs.add(slot, frequencies[word]);
        pairs.seen(slot, word);
      }
    }
    pairs.forEach((left, right, count) -> queue.add(new Pair(count, left, right)));
    int merges = 0;
    while (merges < most) {
      Pair top = queue.poll();
      if (top == null || top.count < leastFrequency) {
        break;
      }
      int slot = pairs.slot(top.left, top.right);
      long count = pairs.count(slot);
      if (count != top.count) {
        if (count > 0) {
          queue.add(new Pair(count, top.left, top.right));
        }
        continue;
      }
      lefts.add(top.left);
      rights.add(top.right);
      merge(top.left, top.right, 256 + merges, pairs.takeSeen(slot));
      merges++;
    }
    pairs = new PairCounts();
    queue.clear();
    return merges;
  }

  int[] lefts() {
    return lefts.toArray();
  }

  int[] rights() {
    return rights.toArray();
  }

  private void merge(int left, int right, int result, int[] seenIn) {
    touched.clear();
    for (int word : seenIn) {
      mergeIn(word, left, right, result);
    }
    pairs.clear(pairs.slot(left, right));
    for (int i = 0; i < touched.size(); i += 2) {
      int slot = pairs.slot(touched.get(i), touched.get(i + 1));
      if (pairs.unqueue(slot)) {
        queue.add(new Pair(pairs.count(slot), touched.get(i), touched.get(i + 1)));
      }
    }
  }

  private void mergeIn(int word, int left, int right, int result) {
    int start = starts[word];
    int end = start + lengths[word];
    long frequency = frequencies[word];
    int to = start;
    int from = start;
    while (from < end) {
      if (from + 1 < end && symbols[from] == left && symbols[from + 1] == right) {
        if (to > start) {
          pairs.add(pairs.slot(symbols[to - 1], left), -frequency);
          grow(symbols[to - 1], result, frequency, word);
        }
        if (from + 2 < end) {
          pairs.add(pairs.slot(right, symbols[from + 2]), -frequency);
          grow(result, symbols[from + 2], frequency, word);
        }
        symbols[to++] = result;
        from += 2;
      } else {
        symbols[to++] = symbols[from++];
      }
    }
    lengths[word] = to - start;
  }

  private void grow(int left, int right, long frequency, int word) {
    int slot = pairs.slot(left, right);
    pairs.add(slot, frequency);
    pairs.seen(slot, word);
    if (pairs.queue(slot)) {
      touched.add(left);
      touched.add(right);
    }
  }
}
