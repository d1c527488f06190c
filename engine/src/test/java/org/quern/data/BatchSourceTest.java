package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.text.ByteTokenizer;

class BatchSourceTest {

  /** Tokens that say where they stand. */
  private static TokenSpan counting(int count) {
    return TokenSpan.of(IntStream.range(0, count).toArray(), count);
  }

  @Test
  void labelsAreTheNextTokens() {
    for (boolean shuffled : new boolean[] {true, false}) {
      TokenSpan tokens = counting(1000);
      BatchSource source =
          shuffled ? BatchSource.shuffled(tokens, 3, 7, 1) : BatchSource.random(tokens, 3, 7, 1);
      Segments segments = new Segments(3, 7);
      for (int step = 0; step < 200; step++) {
        assertThat(source.next(segments.ids, segments.labels)).isTrue();
        int[] ids = segments.ids();
        int[] labels = segments.labels();
        for (int i = 0; i < ids.length; i++) {
          assertThat(labels[i]).isEqualTo(ids[i] + 1).isLessThan(1000);
          assertThat(i % 7 == 0 || ids[i] == ids[i - 1] + 1).isTrue();
        }
        assertThat(source.labelsInBatch()).isEqualTo(21);
      }
    }
  }

  @Test
  void shuffledGivesEachWindowOnceAnEpoch() {
    for (int count : new int[] {9, 16, 17, 18, 23, 100, 1001, 4097}) {
      int time = 8;
      int perEpoch = (count - 1) / time;
      BatchSource source = BatchSource.shuffled(counting(count), 1, time, 99);
      Segments segments = new Segments(1, time);
      List<List<Integer>> orders = new ArrayList<>();
      for (int epoch = 0; epoch < 4; epoch++) {
        List<Integer> starts = new ArrayList<>();
        Set<Integer> labels = new HashSet<>();
        for (int i = 0; i < perEpoch; i++) {
          source.next(segments.ids, segments.labels);
          starts.add(segments.ids()[0]);
          Arrays.stream(segments.labels()).forEach(labels::add);
        }
        int phase = starts.stream().mapToInt(Integer::intValue).min().getAsInt();
        assertThat(phase).isLessThan(time);
        assertThat(starts)
            .containsExactlyInAnyOrderElementsOf(
                IntStream.range(0, perEpoch).mapToObj(i -> phase + i * time).toList());
        assertThat(labels).hasSize(perEpoch * time);
        orders.add(starts);
      }
      assertThat(perEpoch < 20 || new HashSet<>(orders).size() == 4).isTrue();
      assertThat(source.batchesPerEpoch()).isEqualTo(perEpoch);
    }
  }

  @Test
  void continuesWhereItWas() {
    TokenSpan tokens = counting(500);
    for (boolean shuffled : new boolean[] {true, false}) {
      List<int[]> whole = new ArrayList<>();
      List<Long> cursors = new ArrayList<>();
      BatchSource first = source(tokens, shuffled, 5);
      Segments segments = new Segments(4, 16);
      for (int step = 0; step < 30; step++) {
        cursors.add(first.cursor());
        first.next(segments.ids, segments.labels);
        whole.add(segments.ids());
      }
      assertThat(whole.get(0)).isNotEqualTo(whole.get(1));
      for (int step = 29; step >= 0; step--) {
        BatchSource again = source(tokens, shuffled, 5);
        again.seek(cursors.get(step));
        again.next(segments.ids, segments.labels);
        assertThat(segments.ids()).isEqualTo(whole.get(step));
      }
      source(tokens, shuffled, 6).next(segments.ids, segments.labels);
      assertThat(segments.ids()).isNotEqualTo(whole.get(0));
    }
  }

  private static BatchSource source(TokenSpan tokens, boolean shuffled, long seed) {
    return shuffled
        ? BatchSource.shuffled(tokens, 4, 16, seed)
        : BatchSource.random(tokens, 4, 16, seed);
  }

  @Test
  void randomReachesEveryStart() {
    BatchSource source = BatchSource.random(counting(40), 8, 7, 3);
    Segments segments = new Segments(8, 7);
    Set<Integer> starts = new HashSet<>();
    for (int step = 0; step < 200; step++) {
      source.next(segments.ids, segments.labels);
      int[] ids = segments.ids();
      for (int row = 0; row < 8; row++) {
        starts.add(ids[row * 7]);
      }
    }
    assertThat(starts).containsExactlyInAnyOrderElementsOf(IntStream.range(0, 33).boxed().toList());
  }

  @Test
  void sequentialCoversEveryLabelOnce() {
    for (int count = 2; count < 120; count++) {
      BatchSource source = BatchSource.sequential(counting(count), 3, 5);
      Segments segments = new Segments(3, 5);
      List<Integer> seen = new ArrayList<>();
      long batches = 0;
      while (source.next(segments.ids, segments.labels)) {
        batches++;
        int[] ids = segments.ids();
        int[] labels = segments.labels();
        long counted = 0;
        for (int i = 0; i < labels.length; i++) {
          if (labels[i] == BatchSource.IGNORED) {
            assertThat(ids[i]).isZero();
          } else {
            assertThat(ids[i]).isEqualTo(labels[i] - 1);
            seen.add(labels[i]);
            counted++;
          }
        }
        assertThat(source.labelsInBatch()).isEqualTo(counted).isPositive();
      }
      assertThat(batches).isEqualTo(source.batchesPerEpoch());
      assertThat(seen).isEqualTo(IntStream.range(1, count).boxed().toList());
      assertThat(source.next(segments.ids, segments.labels)).isFalse();
      source.seek(0);
      assertThat(source.next(segments.ids, segments.labels)).isTrue();
    }
  }

  @Test
  void aPermutationTakesEachNumberOnce() {
    for (long n : new long[] {1, 2, 3, 4, 5, 7, 16, 17, 255, 256, 257, 10_007}) {
      boolean[] hit = new boolean[(int) n];
      for (long i = 0; i < n; i++) {
        long to = Permutation.of(i, n, 77);
        assertThat(hit[(int) to]).isFalse();
        hit[(int) to] = true;
      }
    }
    long large = 3_000_000_000_000L;
    for (long i = 0; i < 1000; i++) {
      assertThat(Permutation.of(large - 1 - i, large, 5)).isBetween(0L, large - 1);
    }
  }

  @Test
  void aBatchAllocatesNothing(@TempDir Path folder) {
    Corpus corpus = Corpus.ofText("letters", "the mill turns and turns. ".repeat(500));
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (TokenFile file = TokenFile.write(folder.resolve("a.tokens"), corpus, new ByteTokenizer());
        Arena arena = Arena.ofConfined()) {
      MemorySegment ids = arena.allocate(4L * 16 * 4, 64);
      MemorySegment labels = arena.allocate(4L * 16 * 4, 64);
      BatchSource[] sources = {
        BatchSource.shuffled(file.tokens(), 4, 16, 1),
        BatchSource.random(file.tokens(), 4, 16, 1),
        BatchSource.sequential(file.tokens(), 4, 16)
      };
      for (BatchSource source : sources) {
        long allocated = Long.MAX_VALUE;
        // Until the compiler is done with it: interpreted access to a segment may allocate.
        for (int round = 0; round < 200 && allocated > 0; round++) {
          long before = threads.getCurrentThreadAllocatedBytes();
          for (int step = 0; step < 100; step++) {
            source.next(ids, labels);
          }
          allocated = threads.getCurrentThreadAllocatedBytes() - before;
          source.seek(0);
        }
        assertThat(allocated).isZero();
      }
    }
  }

  @Test
  void refusesTooLittleTextAndTooSmallSegments() {
    assertThatThrownBy(() -> BatchSource.shuffled(counting(16), 1, 16, 0))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("16 tokens where at least 17");
    assertThatThrownBy(() -> BatchSource.sequential(counting(1), 1, 16))
        .isInstanceOf(CorpusException.class);
    assertThatThrownBy(() -> BatchSource.random(counting(100), 0, 16, 0))
        .isInstanceOf(CorpusException.class);
    BatchSource source = BatchSource.random(counting(100), 2, 16, 0);
    Segments small = new Segments(1, 16);
    assertThatThrownBy(() -> source.next(small.ids, small.labels))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("needs 128 bytes");
    assertThatThrownBy(() -> source.seek(-1)).isInstanceOf(CorpusException.class);
  }
}
