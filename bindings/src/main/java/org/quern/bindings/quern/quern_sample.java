package org.quern.bindings.quern;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;

import java.lang.foreign.Arena;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout.OfLong;
import java.util.function.Consumer;

/**
 * When one worker did one record: nanoseconds of a clock that only goes forward.
 *
 * {@snippet lang=c :
 * struct quern_sample {
 *     int64_t begin;
 *     int64_t end;
 *     int64_t met;
 * }
 * }
 */
public final class quern_sample {
  private static final GroupLayout $LAYOUT =
      MemoryLayout.structLayout(
              quern_h.C_LONG_LONG.withName("begin"),
              quern_h.C_LONG_LONG.withName("end"),
              quern_h.C_LONG_LONG.withName("met"))
          .withName("quern_sample");

  private quern_sample() {}

  /** The layout of this struct. */
  public static GroupLayout layout() {
    return $LAYOUT;
  }

  private static final OfLong begin$LAYOUT = (OfLong) $LAYOUT.select(groupElement("begin"));
  private static final long begin$OFFSET = $LAYOUT.byteOffset(groupElement("begin"));

  /** Layout of {@code int64_t begin}. */
  public static OfLong begin$layout() {
    return begin$LAYOUT;
  }

  /** Offset of {@code int64_t begin} in bytes. */
  public static long begin$offset() {
    return begin$OFFSET;
  }

  /**
   * Gets {@code int64_t begin}: When the kernel began; 0 where the record was left out
   * (QUERN_ON_UPDATE) or done with another.
   */
  public static long begin(MemorySegment struct) {
    return struct.get(begin$LAYOUT, begin$OFFSET);
  }

  /** Sets {@code int64_t begin}. */
  public static void begin(MemorySegment struct, long fieldValue) {
    struct.set(begin$LAYOUT, begin$OFFSET, fieldValue);
  }

  private static final OfLong end$LAYOUT = (OfLong) $LAYOUT.select(groupElement("end"));
  private static final long end$OFFSET = $LAYOUT.byteOffset(groupElement("end"));

  /** Layout of {@code int64_t end}. */
  public static OfLong end$layout() {
    return end$LAYOUT;
  }

  /** Offset of {@code int64_t end} in bytes. */
  public static long end$offset() {
    return end$OFFSET;
  }

  /** Gets {@code int64_t end}: When it was done, or the record passed over. */
  public static long end(MemorySegment struct) {
    return struct.get(end$LAYOUT, end$OFFSET);
  }

  /** Sets {@code int64_t end}. */
  public static void end(MemorySegment struct, long fieldValue) {
    struct.set(end$LAYOUT, end$OFFSET, fieldValue);
  }

  private static final OfLong met$LAYOUT = (OfLong) $LAYOUT.select(groupElement("met"));
  private static final long met$OFFSET = $LAYOUT.byteOffset(groupElement("met"));

  /** Layout of {@code int64_t met}. */
  public static OfLong met$layout() {
    return met$LAYOUT;
  }

  /** Offset of {@code int64_t met} in bytes. */
  public static long met$offset() {
    return met$OFFSET;
  }

  /** Gets {@code int64_t met}: When all workers had met; end where there is no barrier. */
  public static long met(MemorySegment struct) {
    return struct.get(met$LAYOUT, met$OFFSET);
  }

  /** Sets {@code int64_t met}. */
  public static void met(MemorySegment struct, long fieldValue) {
    struct.set(met$LAYOUT, met$OFFSET, fieldValue);
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
