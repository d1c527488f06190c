package org.quern.bindings.quern;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.MemoryLayout.PathElement.sequenceElement;

import java.lang.foreign.AddressLayout;
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
 * One kernel call. Constant while a program runs.
 *
 * {@snippet lang=c :
 * struct quern_record {
 *     int32_t kernel;
 *     int32_t flags;
 *     int32_t node;
 *     int32_t assigned;
 *     quern_step *step;
 *     void *work;
 *     void *pointers[10];
 *     int64_t integers[14];
 *     float floats[8];
 * }
 * }
 */
public final class quern_record {
  private static final GroupLayout $LAYOUT =
      MemoryLayout.structLayout(
              quern_h.C_INT.withName("kernel"),
              quern_h.C_INT.withName("flags"),
              quern_h.C_INT.withName("node"),
              quern_h.C_INT.withName("assigned"),
              quern_h.C_POINTER.withName("step"),
              quern_h.C_POINTER.withName("work"),
              MemoryLayout.sequenceLayout(10, quern_h.C_POINTER).withName("pointers"),
              MemoryLayout.sequenceLayout(14, quern_h.C_LONG_LONG).withName("integers"),
              MemoryLayout.sequenceLayout(8, quern_h.C_FLOAT).withName("floats"))
          .withName("quern_record");

  private quern_record() {}

  /** The layout of this struct. */
  public static GroupLayout layout() {
    return $LAYOUT;
  }

  private static final OfInt kernel$LAYOUT = (OfInt) $LAYOUT.select(groupElement("kernel"));
  private static final long kernel$OFFSET = $LAYOUT.byteOffset(groupElement("kernel"));

  /** Layout of {@code int32_t kernel}. */
  public static OfInt kernel$layout() {
    return kernel$LAYOUT;
  }

  /** Offset of {@code int32_t kernel} in bytes. */
  public static long kernel$offset() {
    return kernel$OFFSET;
  }

  /** Gets {@code int32_t kernel}: A quern_kernel. */
  public static int kernel(MemorySegment struct) {
    return struct.get(kernel$LAYOUT, kernel$OFFSET);
  }

  /** Sets {@code int32_t kernel}. */
  public static void kernel(MemorySegment struct, int fieldValue) {
    struct.set(kernel$LAYOUT, kernel$OFFSET, fieldValue);
  }

  private static final OfInt flags$LAYOUT = (OfInt) $LAYOUT.select(groupElement("flags"));
  private static final long flags$OFFSET = $LAYOUT.byteOffset(groupElement("flags"));

  /** Layout of {@code int32_t flags}. */
  public static OfInt flags$layout() {
    return flags$LAYOUT;
  }

  /** Offset of {@code int32_t flags} in bytes. */
  public static long flags$offset() {
    return flags$OFFSET;
  }

  /** Gets {@code int32_t flags}: A sum of quern_flag. */
  public static int flags(MemorySegment struct) {
    return struct.get(flags$LAYOUT, flags$OFFSET);
  }

  /** Sets {@code int32_t flags}. */
  public static void flags(MemorySegment struct, int fieldValue) {
    struct.set(flags$LAYOUT, flags$OFFSET, fieldValue);
  }

  private static final OfInt node$LAYOUT = (OfInt) $LAYOUT.select(groupElement("node"));
  private static final long node$OFFSET = $LAYOUT.byteOffset(groupElement("node"));

  /** Layout of {@code int32_t node}. */
  public static OfInt node$layout() {
    return node$LAYOUT;
  }

  /** Offset of {@code int32_t node} in bytes. */
  public static long node$offset() {
    return node$OFFSET;
  }

  /** Gets {@code int32_t node}: The operation's number in the graph, for messages. */
  public static int node(MemorySegment struct) {
    return struct.get(node$LAYOUT, node$OFFSET);
  }

  /** Sets {@code int32_t node}. */
  public static void node(MemorySegment struct, int fieldValue) {
    struct.set(node$LAYOUT, node$OFFSET, fieldValue);
  }

  private static final OfInt assigned$LAYOUT = (OfInt) $LAYOUT.select(groupElement("assigned"));
  private static final long assigned$OFFSET = $LAYOUT.byteOffset(groupElement("assigned"));

  /** Layout of {@code int32_t assigned}. */
  public static OfInt assigned$layout() {
    return assigned$LAYOUT;
  }

  /** Offset of {@code int32_t assigned} in bytes. */
  public static long assigned$offset() {
    return assigned$OFFSET;
  }

  /**
   * Gets {@code int32_t assigned}: Bit i: pointers[i] is a gradient that no record before this one
   * contributes to; it is assigned, and added to only where step->accumulate is set.
   */
  public static int assigned(MemorySegment struct) {
    return struct.get(assigned$LAYOUT, assigned$OFFSET);
  }

  /** Sets {@code int32_t assigned}. */
  public static void assigned(MemorySegment struct, int fieldValue) {
    struct.set(assigned$LAYOUT, assigned$OFFSET, fieldValue);
  }

  private static final AddressLayout step$LAYOUT =
      (AddressLayout) $LAYOUT.select(groupElement("step"));
  private static final long step$OFFSET = $LAYOUT.byteOffset(groupElement("step"));

  /** Layout of {@code quern_step *step}. */
  public static AddressLayout step$layout() {
    return step$LAYOUT;
  }

  /** Offset of {@code quern_step *step} in bytes. */
  public static long step$offset() {
    return step$OFFSET;
  }

  /** Gets {@code quern_step *step}. */
  public static MemorySegment step(MemorySegment struct) {
    return struct.get(step$LAYOUT, step$OFFSET);
  }

  /** Sets {@code quern_step *step}. */
  public static void step(MemorySegment struct, MemorySegment fieldValue) {
    struct.set(step$LAYOUT, step$OFFSET, fieldValue);
  }

  private static final AddressLayout work$LAYOUT =
      (AddressLayout) $LAYOUT.select(groupElement("work"));
  private static final long work$OFFSET = $LAYOUT.byteOffset(groupElement("work"));

  /** Layout of {@code void *work}. */
  public static AddressLayout work$layout() {
    return work$LAYOUT;
  }

  /** Offset of {@code void *work} in bytes. */
  public static long work$offset() {
    return work$OFFSET;
  }

  /**
   * Gets {@code void *work}: Base of all workers' scratch: worker w has QUERN_WORK_BYTES from w *
   * QUERN_WORK_BYTES on.
   */
  public static MemorySegment work(MemorySegment struct) {
    return struct.get(work$LAYOUT, work$OFFSET);
  }

  /** Sets {@code void *work}. */
  public static void work(MemorySegment struct, MemorySegment fieldValue) {
    struct.set(work$LAYOUT, work$OFFSET, fieldValue);
  }

  private static final SequenceLayout pointers$LAYOUT =
      (SequenceLayout) $LAYOUT.select(groupElement("pointers"));
  private static final long pointers$OFFSET = $LAYOUT.byteOffset(groupElement("pointers"));
  private static final VarHandle pointers$ELEM_HANDLE =
      pointers$LAYOUT.varHandle(sequenceElement());

  /** Layout of {@code void *pointers[10]}. */
  public static SequenceLayout pointers$layout() {
    return pointers$LAYOUT;
  }

  /** Offset of {@code void *pointers[10]} in bytes. */
  public static long pointers$offset() {
    return pointers$OFFSET;
  }

  /** The part that holds {@code void *pointers[10]}. */
  public static MemorySegment pointers(MemorySegment struct) {
    return struct.asSlice(pointers$OFFSET, pointers$LAYOUT.byteSize());
  }

  /** Copies into {@code void *pointers[10]}. */
  public static void pointers(MemorySegment struct, MemorySegment fieldValue) {
    MemorySegment.copy(fieldValue, 0L, struct, pointers$OFFSET, pointers$LAYOUT.byteSize());
  }

  /** Dimensions of {@code void *pointers[10]}. */
  public static long[] pointers$dimensions() {
    return new long[] {10};
  }

  /** Gets an element of {@code void *pointers[10]}. */
  public static MemorySegment pointers(MemorySegment struct, long index0) {
    return (MemorySegment) pointers$ELEM_HANDLE.get(struct, pointers$OFFSET, index0);
  }

  /** Sets an element of {@code void *pointers[10]}. */
  public static void pointers(MemorySegment struct, long index0, MemorySegment fieldValue) {
    pointers$ELEM_HANDLE.set(struct, pointers$OFFSET, index0, fieldValue);
  }

  private static final SequenceLayout integers$LAYOUT =
      (SequenceLayout) $LAYOUT.select(groupElement("integers"));
  private static final long integers$OFFSET = $LAYOUT.byteOffset(groupElement("integers"));
  private static final VarHandle integers$ELEM_HANDLE =
      integers$LAYOUT.varHandle(sequenceElement());

  /** Layout of {@code int64_t integers[14]}. */
  public static SequenceLayout integers$layout() {
    return integers$LAYOUT;
  }

  /** Offset of {@code int64_t integers[14]} in bytes. */
  public static long integers$offset() {
    return integers$OFFSET;
  }

  /** The part that holds {@code int64_t integers[14]}. */
  public static MemorySegment integers(MemorySegment struct) {
    return struct.asSlice(integers$OFFSET, integers$LAYOUT.byteSize());
  }

  /** Copies into {@code int64_t integers[14]}. */
  public static void integers(MemorySegment struct, MemorySegment fieldValue) {
    MemorySegment.copy(fieldValue, 0L, struct, integers$OFFSET, integers$LAYOUT.byteSize());
  }

  /** Dimensions of {@code int64_t integers[14]}. */
  public static long[] integers$dimensions() {
    return new long[] {14};
  }

  /** Gets an element of {@code int64_t integers[14]}. */
  public static long integers(MemorySegment struct, long index0) {
    return (long) integers$ELEM_HANDLE.get(struct, integers$OFFSET, index0);
  }

  /** Sets an element of {@code int64_t integers[14]}. */
  public static void integers(MemorySegment struct, long index0, long fieldValue) {
    integers$ELEM_HANDLE.set(struct, integers$OFFSET, index0, fieldValue);
  }

  private static final SequenceLayout floats$LAYOUT =
      (SequenceLayout) $LAYOUT.select(groupElement("floats"));
  private static final long floats$OFFSET = $LAYOUT.byteOffset(groupElement("floats"));
  private static final VarHandle floats$ELEM_HANDLE = floats$LAYOUT.varHandle(sequenceElement());

  /** Layout of {@code float floats[8]}. */
  public static SequenceLayout floats$layout() {
    return floats$LAYOUT;
  }

  /** Offset of {@code float floats[8]} in bytes. */
  public static long floats$offset() {
    return floats$OFFSET;
  }

  /** The part that holds {@code float floats[8]}. */
  public static MemorySegment floats(MemorySegment struct) {
    return struct.asSlice(floats$OFFSET, floats$LAYOUT.byteSize());
  }

  /** Copies into {@code float floats[8]}. */
  public static void floats(MemorySegment struct, MemorySegment fieldValue) {
    MemorySegment.copy(fieldValue, 0L, struct, floats$OFFSET, floats$LAYOUT.byteSize());
  }

  /** Dimensions of {@code float floats[8]}. */
  public static long[] floats$dimensions() {
    return new long[] {8};
  }

  /** Gets an element of {@code float floats[8]}. */
  public static float floats(MemorySegment struct, long index0) {
    return (float) floats$ELEM_HANDLE.get(struct, floats$OFFSET, index0);
  }

  /** Sets an element of {@code float floats[8]}. */
  public static void floats(MemorySegment struct, long index0, float fieldValue) {
    floats$ELEM_HANDLE.set(struct, floats$OFFSET, index0, fieldValue);
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
