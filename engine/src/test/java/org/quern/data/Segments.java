package org.quern.data;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Batches off the heap, read back as arrays. */
final class Segments {
  final MemorySegment ids;
  final MemorySegment labels;
  private final int count;

  Segments(int batch, int time) {
    count = batch * time;
    ids = Arena.ofAuto().allocate(ValueLayout.JAVA_INT, count);
    labels = Arena.ofAuto().allocate(ValueLayout.JAVA_INT, count);
  }

  int[] ids() {
    return ids.asSlice(0, count * 4L).toArray(ValueLayout.JAVA_INT);
  }

  int[] labels() {
    return labels.asSlice(0, count * 4L).toArray(ValueLayout.JAVA_INT);
  }
}
