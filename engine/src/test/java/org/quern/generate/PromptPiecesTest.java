package org.quern.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Prompts are cut into whole pieces, and end in one that is not full where that costs less. */
class PromptPiecesTest {
  private static List<Integer> pieces(int tokens, int room, int batch) {
    List<Integer> pieces = new ArrayList<>();
    int left = tokens;
    int free = room;
    while (left > 0) {
      int size = PromptPieces.SIZES[PromptPieces.next(left, free, batch)];
      pieces.add(size);
      int taken = Math.min(size, left);
      left -= taken;
      free -= taken;
    }
    return pieces;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1|100|1",
        "4|100|4",
        "5|100|4 1",
        "13|100|16",
        "13|13|4 4 4 1",
        "64|2048|64",
        "100|2048|64 16 16 4",
        "240|256|256",
        "240|255|64 64 64 16 16 16",
        "500|512|512",
        "500|511|256 64 64 64 16 16 16 4",
        "512|512|512",
        "1400|2048|512 512 256 64 64",
        "1400|1407|512 512 256 64 16 16 16 4 4"
      })
  void theCheapestWayThatThereIsRoomFor(int tokens, int room, String expected) {
    assertThat(pieces(tokens, room, 1)).hasToString("[" + expected.replace(" ", ", ") + "]");
  }

  /** Many sequences make many rows of few tokens: larger pieces would take memory for nothing. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "512|2|256 256",
        "240|2|256",
        "240|4|64 64 64 16 16 16",
        "13|32|4 4 4 1",
        "13|8|4 4 4 1",
        "14|8|16",
        "3|256|1 1 1"
      })
  void manySequencesGoInByFewerTokens(int tokens, int batch, String expected) {
    assertThat(pieces(tokens, 2048, batch)).hasToString("[" + expected.replace(" ", ", ") + "]");
  }

  /** No piece reaches beyond the room, and only the last one has fewer tokens than its size. */
  @Test
  void piecesFit() {
    for (int tokens = 1; tokens < 1200; tokens++) {
      for (int more : new int[] {0, 1, 3, 7, 50, 300, 1000}) {
        List<Integer> pieces = pieces(tokens, tokens + more, 1 + more % 4);
        int all = pieces.stream().mapToInt(Integer::intValue).sum();
        assertThat(all).isBetween(tokens, tokens + more);
        assertThat(all - pieces.getLast()).isLessThan(tokens);
      }
    }
  }
}
