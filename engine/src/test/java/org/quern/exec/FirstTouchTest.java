package org.quern.exec;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.exec.vector.VectorWalker;
import org.quern.ir.Initializer;
import org.quern.ir.Parameter;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Region;
import org.quern.ir.Shape;

class FirstTouchTest {
  private static final long PAGE = 4096;

  private static final ParameterLayout LAYOUT =
      new ParameterLayout(
          List.of(
              parameter("matrix", Shape.of(300, 70)),
              parameter("bias", Shape.of(70)),
              parameter("other", Shape.of(65, 1025))));

  private static Parameter parameter(String name, Shape shape) {
    return new Parameter(name, shape, new Initializer.Zeros());
  }

  /** All pages in one region; writing to memory that is not new shows which bytes are written. */
  private static byte[] touched(Arena arena, Region region, int threads) {
    MemorySegment memory = arena.allocate(LAYOUT.elements() * Float.BYTES, PAGE);
    memory.fill((byte) 1);
    try (Workers workers = new Workers(new VectorWalker(), threads)) {
      new FirstTouch(workers).place(region, memory, LAYOUT);
    }
    return memory.toArray(JAVA_BYTE);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 7})
  void everyPageOfAParameterIsTouchedOnce(int threads) {
    try (Arena arena = Arena.ofShared()) {
      byte[] bytes = touched(arena, Region.PARAMETERS, threads);
      for (int at = 0; at < bytes.length; at++) {
        assertThat(bytes[at]).as("byte %d", at).isEqualTo((byte) (at % PAGE == 0 ? 0 : 1));
      }
    }
  }

  @Test
  void whatKernelsWriteFirstIsLeftToThem() {
    try (Arena arena = Arena.ofShared()) {
      assertThat(touched(arena, Region.GRADIENTS, 2)).containsOnly(1);
    }
  }

  @Test
  void workersWhoAreGoneAreNotWaitedFor() {
    Workers workers = new Workers(new VectorWalker(), 2);
    workers.close();
    assertThatThrownBy(() -> workers.onAll(worker -> {}))
        .isInstanceOf(ExecutionException.class)
        .hasMessageContaining("closed");
  }
}
