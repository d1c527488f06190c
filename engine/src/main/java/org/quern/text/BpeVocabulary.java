package org.quern.text;

/** The tokens of a byte-level BPE as bytes, and its merges in the order they were learned. */
final class BpeVocabulary {
  private final byte[][] tokens;
  private final int[] byteIds;
  private final int[] lefts;
  private final int[] rights;
  private final MergeTable table;

  /**
   * @param tokens the bytes of each id
   * @param byteIds the id of each byte
   * @param lefts the left ids of the merges, in order
   * @param rights the right ids
   * @param results the ids they make
   */
  BpeVocabulary(byte[][] tokens, int[] byteIds, int[] lefts, int[] rights, int[] results) {
    this.tokens = tokens;
    this.byteIds = byteIds;
    this.lefts = lefts;
    this.rights = rights;
    table = new MergeTable(lefts.length);
    for (int rank = 0; rank < lefts.length; rank++) {
      table.add(lefts[rank], rights[rank], rank, results[rank]);
    }
  }

  int size() {
    return tokens.length;
  }

  int merges() {
    return lefts.length;
  }

  int left(int rank) {
    return lefts[rank];
  }

  int right(int rank) {
    return rights[rank];
  }

  byte[] bytes(int id) {
    return tokens[id];
  }

  int idOfByte(byte value) {
    return byteIds[value & 0xFF];
  }

  MergeTable table() {
    return table;
  }
}
