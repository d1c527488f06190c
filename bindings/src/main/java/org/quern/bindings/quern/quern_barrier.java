package org.quern.bindings.quern;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.MemoryLayout.PathElement.sequenceElement;

import java.lang.foreign.Arena;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.SequenceLayout;
import java.lang.foreign.ValueLayout.OfInt;
import java.lang.invoke.VarHandle;
import java.util.function.Consumer;

/**
 * Where workers meet; zero before a run. Each counter has a cache line pair of its own.
 *
 * {@snippet lang=c :
 * struct quern_barrier {
 *     int32_t arrived;
 *     int32_t arrived_padding[31];
 *     int32_t generation;
 *     int32_t generation_padding[31];
 * }
 * }
 */
public final class quern_barrier {
  private static final GroupLayout $LAYOUT =
      MemoryLayout.structLayout(
              quern_h.C_INT.withName("arrived"),
              MemoryLayout.sequenceLayout(31, quern_h.C_INT).withName("arrived_padding"),
              quern_h.C_INT.withName("generation"),
              MemoryLayout.sequenceLayout(31, quern_h.C_INT).withName("generation_padding"))
          .withName("quern_barrier");

  private quern_barrier() {}

  /** The layout of this struct. */
  public static GroupLayout layout() {
    return $LAYOUT;
  }

  private static final OfInt arrived$LAYOUT = (OfInt) $LAYOUT.select(groupElement("arrived"));
  private static final long arrived$OFFSET = $LAYOUT.byteOffset(groupElement("arrived"));

  /** Layout of {@code int32_t arrived}. */
  public static OfInt arrived$layout() {
    return arrived$LAYOUT;
  }

  /** Offset of {@code int32_t arrived} in bytes. */
  public static long arrived$offset() {
    return arrived$OFFSET;
  }

  /** Gets {@code int32_t arrived}. */
  public static int arrived(MemorySegment struct) {
    return struct.get(arrived$LAYOUT, arrived$OFFSET);
  }

  /** Sets {@code int32_t arrived}. */
  public static void arrived(MemorySegment struct, int fieldValue) {
    struct.set(arrived$LAYOUT, arrived$OFFSET, fieldValue);
  }

  private static final SequenceLayout arrived_padding$LAYOUT =
      (SequenceLayout) $LAYOUT.select(groupElement("arrived_padding"));
  private static final long arrived_padding$OFFSET =
      $LAYOUT.byteOffset(groupElement("arrived_padding"));
  private static final VarHandle arrived_padding$ELEM_HANDLE =
      arrived_padding$LAYOUT.varHandle(sequenceElement());

  /** Layout of {@code int32_t arrived_padding[31]}. */
  public static SequenceLayout arrived_padding$layout() {
    return arrived_padding$LAYOUT;
  }

  /** Offset of {@code int32_t arrived_padding[31]} in bytes. */
  public static long arrived_padding$offset() {
    return arrived_padding$OFFSET;
  }

  /** The part that holds {@code int32_t arrived_padding[31]}. */
  public static MemorySegment arrived_padding(MemorySegment struct) {
    return struct.asSlice(arrived_padding$OFFSET, arrived_padding$LAYOUT.byteSize());
  }

  /** Copies into {@code int32_t arrived_padding[31]}. */
  public static void arrived_padding(MemorySegment struct, MemorySegment fieldValue) {
    MemorySegment.copy(
        fieldValue, 0L, struct, arrived_padding$OFFSET, arrived_padding$LAYOUT.byteSize());
  }

  /** Dimensions of {@code int32_t arrived_padding[31]}. */
  public static long[] arrived_padding$dimensions() {
    return new long[] {31};
  }

  /** Gets an element of {@code int32_t arrived_padding[31]}. */
  public static int arrived_padding(MemorySegment struct, long index0) {
    return (int) arrived_padding$ELEM_HANDLE.get(struct, arrived_padding$OFFSET, index0);
  }

  /** Sets an element of {@code int32_t arrived_padding[31]}. */
  public static void arrived_padding(MemorySegment struct, long index0, int fieldValue) {
    arrived_padding$ELEM_HANDLE.set(struct, arrived_padding$OFFSET, index0, fieldValue);
  }

  private static final OfInt generation$LAYOUT = (OfInt) $LAYOUT.select(groupElement("generation"));
  private static final long generation$OFFSET = $LAYOUT.byteOffset(groupElement("generation"));

  /** Layout of {@code int32_t generation}. */
  public static OfInt generation$layout() {
    return generation$LAYOUT;
  }

  /** Offset of {@code int32_t generation} in bytes. */
  public static long generation$offset() {
    return generation$OFFSET;
  }

  /** Gets {@code int32_t generation}. */
  public static int generation(MemorySegment struct) {
    return struct.get(generation$LAYOUT, generation$OFFSET);
  }

  /** Sets {@code int32_t generation}. */
  public static void generation(MemorySegment struct, int fieldValue) {
    struct.set(generation$LAYOUT, generation$OFFSET, fieldValue);
  }

  private static final SequenceLayout generation_padding$LAYOUT =
      (SequenceLayout) $LAYOUT.select(groupElement("generation_padding"));
  private static final long generation_padding$OFFSET =
      $LAYOUT.byteOffset(groupElement("generation_padding"));
  private static final VarHandle generation_padding$ELEM_HANDLE =
      generation_padding$LAYOUT.varHandle(sequenceElement());

  /** Layout of {@code int32_t generation_padding[31]}. */
  public static SequenceLayout generation_padding$layout() {
    return generation_padding$LAYOUT;
  }

  /** Offset of {@code int32_t generation_padding[31]} in bytes. */
  public static long generation_padding$offset() {
    return generation_padding$OFFSET;
  }

  /** The part that holds {@code int32_t generation_padding[31]}. */
  public static MemorySegment generation_padding(MemorySegment struct) {
    return struct.asSlice(generation_padding$OFFSET, generation_padding$LAYOUT.byteSize());
  }

  /** Copies into {@code int32_t generation_padding[31]}. */
  public static void generation_padding(MemorySegment struct, MemorySegment fieldValue) {
    MemorySegment.copy(
        fieldValue, 0L, struct, generation_padding$OFFSET, generation_padding$LAYOUT.byteSize());
  }

  /** Dimensions of {@code int32_t generation_padding[31]}. */
  public static long[] generation_padding$dimensions() {
    return new long[] {31};
  }

  /** Gets an element of {@code int32_t generation_padding[31]}. */
  public static int generation_padding(MemorySegment struct, long index0) {
    return (int) generation_padding$ELEM_HANDLE.get(struct, generation_padding$OFFSET, index0);
  }

  /** Sets an element of {@code int32_t generation_padding[31]}. */
  public static void generation_padding(MemorySegment struct, long index0, int fieldValue) {
    generation_padding$ELEM_HANDLE.set(struct, generation_padding$OFFSET, index0, fieldValue);
  }

  /** The struct at an index of an array of them. */
  public static MemorySegment asSlice(MemorySegment array, long index) {
    return array.asSlice($LAYOUT.byteSize() * index, $LAYOUT.byteSize());
  }

  /** Size in bytes. */
  public static long sizeof() {
    return $LAYOUT.byteSize();
  }

  /** Allocates one. */
  public static MemorySegment allocate(SegmentAllocator allocator) {
    return allocator.allocate($LAYOUT);
  }

  /** Allocates an array of them. */
  public static MemorySegment allocateArray(long elementCount, SegmentAllocator allocator) {
    return allocator.allocate(MemoryLayout.sequenceLayout(elementCount, $LAYOUT));
  }

  /**
   * One struct at the address, as long-lived as the arena; {@code cleanup} runs when that closes.
   */
  public static MemorySegment reinterpret(
      MemorySegment addr, Arena arena, Consumer<MemorySegment> cleanup) {
    return reinterpret(addr, 1, arena, cleanup);
  }

  /**
   * An array of structs at the address, as long-lived as the arena; {@code cleanup} runs when that
   * closes.
   */
  public static MemorySegment reinterpret(
      MemorySegment addr, long elementCount, Arena arena, Consumer<MemorySegment> cleanup) {
    return addr.reinterpret($LAYOUT.byteSize() * elementCount, arena, cleanup);
  }
}
