package org.quern.data;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A run of token ids in a segment, 2 or 4 bytes each, as long as the file allows. It owns nothing
 * and is valid as long as the segment is. Several threads may read it at once.
 */
public final class TokenSpan {
  static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** A text in two parts: what is learned from, and what is only measured on. */
  public record Split(TokenSpan train, TokenSpan validation) {}

  private final MemorySegment segment;
  private final int width;
  private final int vocabularySize;
  private final long first;
  private final long count;

  TokenSpan(MemorySegment segment, int width, int vocabularySize, long first, long count) {
    this.segment = segment;
    this.width = width;
    this.vocabularySize = vocabularySize;
    this.first = first;
    this.count = count;
  }

  /**
   * Ids that are in memory already: a copy on the heap, for short texts.
   *
   * @throws CorpusException if an id is outside the vocabulary
   */
  public static TokenSpan of(int[] ids, int vocabularySize) {
    MemorySegment segment = MemorySegment.ofArray(new int[ids.length]);
    TokenSpan span = new TokenSpan(segment, Integer.BYTES, vocabularySize, 0, ids.length);
    for (int i = 0; i < ids.length; i++) {
      segment.set(I32, (long) i * Integer.BYTES, span.checked(ids[i], i));
    }
    return span;
  }

  /** How many tokens there are. */
  public long count() {
    return count;
  }

  /** The size of the vocabulary that the ids belong to. */
  public int vocabularySize() {
    return vocabularySize;
  }

  /**
   * One token's id, {@code 0 ≤ position < count()}.
   *
   * @throws CorpusException if the file holds an id outside the vocabulary, or has been closed
   */
  public int get(long position) {
    if (position < 0 || position >= count) {
      throw outside(position, 1);
    }
    try {
      return checked(load(first + position), position);
    } catch (IllegalStateException e) {
      throw closed(e);
    }
  }

  /**
   * Copies ids into a segment of I32, without allocating.
   *
   * @param from the position of the first
   * @param length how many
   * @param target where to, in the machine's byte order
   * @param offset where in the target, in bytes
   * @throws CorpusException if the file holds an id outside the vocabulary, or has been closed
   */
  public void copy(long from, int length, MemorySegment target, long offset) {
    if (from < 0 || length < 0 || from > count - length) {
      throw outside(from, length);
    }
    try {
      for (int i = 0; i < length; i++) {
        int id = load(first + from + i);
        if (id < 0 || id >= vocabularySize) {
          checked(id, from + i);
        }
        target.set(ValueLayout.JAVA_INT_UNALIGNED, offset + (long) i * Integer.BYTES, id);
      }
    } catch (IllegalStateException e) {
      throw closed(e);
    }
  }

  /** A part of these tokens. */
  public TokenSpan slice(long from, long length) {
    if (from < 0 || length < 0 || from > count - length) {
      throw outside(from, length);
    }
    return new TokenSpan(segment, width, vocabularySize, first + from, length);
  }

  /**
   * Holds out the last part: training gets {@code floor(count · (1 − heldOut))} tokens, validation
   * the rest.
   *
   * @param heldOut the share held out, {@code 0 ≤ heldOut < 1}; a tenth is usual
   * @throws CorpusException for another share
   */
  public Split split(double heldOut) {
    if (!(heldOut >= 0 && heldOut < 1)) {
      throw new CorpusException(
          "The share of held-out text is "
              + heldOut
              + ", which is not in 0 … 1; give a share such as 0.1.");
    }
    long train = (long) Math.floor(count * (1 - heldOut));
    return new Split(slice(0, train), slice(train, count - train));
  }

  private int load(long index) {
    return width == Short.BYTES
        ? segment.get(U16, index * Short.BYTES) & 0xFFFF
        : segment.get(I32, index * Integer.BYTES);
  }

  private int checked(int id, long position) {
    if (id < 0 || id >= vocabularySize) {
      throw new CorpusException(
          "The token at position "
              + position
              + " is "
              + id
              + ", outside the vocabulary of "
              + vocabularySize
              + "; the token file is damaged, write it again.");
    }
    return id;
  }

  private CorpusException outside(long from, long length) {
    return new CorpusException(
        "Asked for "
            + length
            + " tokens from position "
            + from
            + " of "
            + count
            + "; ask for less or give more text.");
  }

  private static CorpusException closed(IllegalStateException e) {
    return new CorpusException(
        "The token file has been closed; keep it open as long as its tokens are read.", e);
  }
}
