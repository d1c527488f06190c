package org.quern.bindings.quern;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout.OfInt;
import java.lang.foreign.ValueLayout.OfLong;
import java.util.function.Consumer;

/**
 * What {@link quern_h#quern_run} runs.
 *
 * {@snippet lang=c :
 * struct quern_program {
 *     const quern_record *records;
 *     int64_t count;
 *     quern_step *step;
 *     quern_barrier *barrier;
 *     int32_t tier;
 *     int32_t parts;
 *     quern_sample *samples;
 * }
 * }
 */
public final class quern_program {
  private static final GroupLayout $LAYOUT =
      MemoryLayout.structLayout(
              quern_h.C_POINTER.withName("records"),
              quern_h.C_LONG_LONG.withName("count"),
              quern_h.C_POINTER.withName("step"),
              quern_h.C_POINTER.withName("barrier"),
              quern_h.C_INT.withName("tier"),
              quern_h.C_INT.withName("parts"),
              quern_h.C_POINTER.withName("samples"))
          .withName("quern_program");

  private quern_program() {}

  /** The layout of this struct. */
  public static GroupLayout layout() {
    return $LAYOUT;
  }

  private static final AddressLayout records$LAYOUT =
      (AddressLayout) $LAYOUT.select(groupElement("records"));
  private static final long records$OFFSET = $LAYOUT.byteOffset(groupElement("records"));

  /** Layout of {@code const quern_record *records}. */
  public static AddressLayout records$layout() {
    return records$LAYOUT;
  }

  /** Offset of {@code const quern_record *records} in bytes. */
  public static long records$offset() {
    return records$OFFSET;
  }

  /** Gets {@code const quern_record *records}. */
  public static MemorySegment records(MemorySegment struct) {
    return struct.get(records$LAYOUT, records$OFFSET);
  }

  /** Sets {@code const quern_record *records}. */
  public static void records(MemorySegment struct, MemorySegment fieldValue) {
    struct.set(records$LAYOUT, records$OFFSET, fieldValue);
  }

  private static final OfLong count$LAYOUT = (OfLong) $LAYOUT.select(groupElement("count"));
  private static final long count$OFFSET = $LAYOUT.byteOffset(groupElement("count"));

  /** Layout of {@code int64_t count}. */
  public static OfLong count$layout() {
    return count$LAYOUT;
  }

  /** Offset of {@code int64_t count} in bytes. */
  public static long count$offset() {
    return count$OFFSET;
  }

  /** Gets {@code int64_t count}. */
  public static long count(MemorySegment struct) {
    return struct.get(count$LAYOUT, count$OFFSET);
  }

  /** Sets {@code int64_t count}. */
  public static void count(MemorySegment struct, long fieldValue) {
    struct.set(count$LAYOUT, count$OFFSET, fieldValue);
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

  private static final AddressLayout barrier$LAYOUT =
      (AddressLayout) $LAYOUT.select(groupElement("barrier"));
  private static final long barrier$OFFSET = $LAYOUT.byteOffset(groupElement("barrier"));

  /** Layout of {@code quern_barrier *barrier}. */
  public static AddressLayout barrier$layout() {
    return barrier$LAYOUT;
  }

  /** Offset of {@code quern_barrier *barrier} in bytes. */
  public static long barrier$offset() {
    return barrier$OFFSET;
  }

  /** Gets {@code quern_barrier *barrier}. */
  public static MemorySegment barrier(MemorySegment struct) {
    return struct.get(barrier$LAYOUT, barrier$OFFSET);
  }

  /** Sets {@code quern_barrier *barrier}. */
  public static void barrier(MemorySegment struct, MemorySegment fieldValue) {
    struct.set(barrier$LAYOUT, barrier$OFFSET, fieldValue);
  }

  private static final OfInt tier$LAYOUT = (OfInt) $LAYOUT.select(groupElement("tier"));
  private static final long tier$OFFSET = $LAYOUT.byteOffset(groupElement("tier"));

  /** Layout of {@code int32_t tier}. */
  public static OfInt tier$layout() {
    return tier$LAYOUT;
  }

  /** Offset of {@code int32_t tier} in bytes. */
  public static long tier$offset() {
    return tier$OFFSET;
  }

  /** Gets {@code int32_t tier}: A quern_tier. */
  public static int tier(MemorySegment struct) {
    return struct.get(tier$LAYOUT, tier$OFFSET);
  }

  /** Sets {@code int32_t tier}. */
  public static void tier(MemorySegment struct, int fieldValue) {
    struct.set(tier$LAYOUT, tier$OFFSET, fieldValue);
  }

  private static final OfInt parts$LAYOUT = (OfInt) $LAYOUT.select(groupElement("parts"));
  private static final long parts$OFFSET = $LAYOUT.byteOffset(groupElement("parts"));

  /** Layout of {@code int32_t parts}. */
  public static OfInt parts$layout() {
    return parts$LAYOUT;
  }

  /** Offset of {@code int32_t parts} in bytes. */
  public static long parts$offset() {
    return parts$OFFSET;
  }

  /** Gets {@code int32_t parts}: The number of workers that run this program together. */
  public static int parts(MemorySegment struct) {
    return struct.get(parts$LAYOUT, parts$OFFSET);
  }

  /** Sets {@code int32_t parts}. */
  public static void parts(MemorySegment struct, int fieldValue) {
    struct.set(parts$LAYOUT, parts$OFFSET, fieldValue);
  }

  private static final AddressLayout samples$LAYOUT =
      (AddressLayout) $LAYOUT.select(groupElement("samples"));
  private static final long samples$OFFSET = $LAYOUT.byteOffset(groupElement("samples"));

  /** Layout of {@code quern_sample *samples}. */
  public static AddressLayout samples$layout() {
    return samples$LAYOUT;
  }

  /** Offset of {@code quern_sample *samples} in bytes. */
  public static long samples$offset() {
    return samples$OFFSET;
  }

  /**
   * Gets {@code quern_sample *samples}: Null, or where times are written: record i of worker w has
   * samples[w * count + i]. Those of a run that returns QUERN_OK are complete.
   */
  public static MemorySegment samples(MemorySegment struct) {
    return struct.get(samples$LAYOUT, samples$OFFSET);
  }

  /** Sets {@code quern_sample *samples}. */
  public static void samples(MemorySegment struct, MemorySegment fieldValue) {
    struct.set(samples$LAYOUT, samples$OFFSET, fieldValue);
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
