package org.quern.exec;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class StepBlockTest {
  /** A run that was cancelled between two workers' arrivals must not count in the next one. */
  @Test
  void aRunBeginsWithNobodyArrived() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment block = arena.allocate(StepBlock.BYTES, 64);
      StepBlock step = new StepBlock(block);
      step.accumulate(true);
      block.asSlice(StepBlock.ARRIVED).fill((byte) 1);
      block.set(JAVA_INT, StepBlock.STATUS, Status.CANCELLED);
      step.clearBeforeRun();
      assertThat(block.asSlice(StepBlock.ARRIVED).toArray(JAVA_BYTE)).containsOnly(0);
      assertThat(block.get(JAVA_INT, StepBlock.STATUS)).isEqualTo(Status.OK);
      assertThat(block.get(JAVA_INT, StepBlock.ACCUMULATE)).isEqualTo(1);
    }
  }
}
