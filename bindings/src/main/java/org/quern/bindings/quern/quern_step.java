package org.quern.bindings.quern;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.MemoryLayout.PathElement.sequenceElement;

import java.lang.foreign.Arena;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.SequenceLayout;
import java.lang.foreign.ValueLayout.OfFloat;
import java.lang.foreign.ValueLayout.OfInt;
import java.lang.foreign.ValueLayout.OfLong;
import java.lang.invoke.VarHandle;
import java.util.function.Consumer;

/**
 * What changes from one run of a program to the next. Written between runs, but for cancel.
 *
 * {@snippet lang=c :
 * struct quern_step {
 *     int64_t step;
 *     int64_t sequence;
 *     int64_t seed;
 *     int32_t update;
 *     int32_t cancel;
 *     float learning_rate;
 *     float loss_scale;
 *     float max_norm;
 *     float loss;
 *     float grad_norm;
 *     float clip_scale;
 *     int32_t nonfinite;
 *     int32_t status;
 *     int64_t failed_record;
 *     int64_t accumulate;
 *     int32_t arrived[12];
 * }
 * }
 */
public final class quern_step {
  private static final GroupLayout $LAYOUT =
      MemoryLayout.structLayout(
              quern_h.C_LONG_LONG.withName("step"),
              quern_h.C_LONG_LONG.withName("sequence"),
              quern_h.C_LONG_LONG.withName("seed"),
              quern_h.C_INT.withName("update"),
              quern_h.C_INT.withName("cancel"),
              quern_h.C_FLOAT.withName("learning_rate"),
              quern_h.C_FLOAT.withName("loss_scale"),
              quern_h.C_FLOAT.withName("max_norm"),
              quern_h.C_FLOAT.withName("loss"),
              quern_h.C_FLOAT.withName("grad_norm"),
              quern_h.C_FLOAT.withName("clip_scale"),
              quern_h.C_INT.withName("nonfinite"),
              quern_h.C_INT.withName("status"),
              quern_h.C_LONG_LONG.withName("failed_record"),
              quern_h.C_LONG_LONG.withName("accumulate"),
              MemoryLayout.sequenceLayout(12, quern_h.C_INT).withName("arrived"))
          .withName("quern_step");

  private quern_step() {}

  /** The layout of this struct. */
  public static GroupLayout layout() {
    return $LAYOUT;
  }

  private static final OfLong step$LAYOUT = (OfLong) $LAYOUT.select(groupElement("step"));
  private static final long step$OFFSET = $LAYOUT.byteOffset(groupElement("step"));

  /** Layout of {@code int64_t step}. */
  public static OfLong step$layout() {
    return step$LAYOUT;
  }

  /** Offset of {@code int64_t step} in bytes. */
  public static long step$offset() {
    return step$OFFSET;
  }

  /** Gets {@code int64_t step}: The optimizer's step, counted from 1. */
  public static long step(MemorySegment struct) {
    return struct.get(step$LAYOUT, step$OFFSET);
  }

  /** Sets {@code int64_t step}. */
  public static void step(MemorySegment struct, long fieldValue) {
    struct.set(step$LAYOUT, step$OFFSET, fieldValue);
  }

  private static final OfLong sequence$LAYOUT = (OfLong) $LAYOUT.select(groupElement("sequence"));
  private static final long sequence$OFFSET = $LAYOUT.byteOffset(groupElement("sequence"));

  /** Layout of {@code int64_t sequence}. */
  public static OfLong sequence$layout() {
    return sequence$LAYOUT;
  }

  /** Offset of {@code int64_t sequence} in bytes. */
  public static long sequence$offset() {
    return sequence$OFFSET;
  }

  /**
   * Gets {@code int64_t sequence}: Counts forward passes; with seed it decides every random number
   * of a run.
   */
  public static long sequence(MemorySegment struct) {
    return struct.get(sequence$LAYOUT, sequence$OFFSET);
  }

  /** Sets {@code int64_t sequence}. */
  public static void sequence(MemorySegment struct, long fieldValue) {
    struct.set(sequence$LAYOUT, sequence$OFFSET, fieldValue);
  }

  private static final OfLong seed$LAYOUT = (OfLong) $LAYOUT.select(groupElement("seed"));
  private static final long seed$OFFSET = $LAYOUT.byteOffset(groupElement("seed"));

  /** Layout of {@code int64_t seed}. */
  public static OfLong seed$layout() {
    return seed$LAYOUT;
  }

  /** Offset of {@code int64_t seed} in bytes. */
  public static long seed$offset() {
    return seed$OFFSET;
  }

  /** Gets {@code int64_t seed}. */
  public static long seed(MemorySegment struct) {
    return struct.get(seed$LAYOUT, seed$OFFSET);
  }

  /** Sets {@code int64_t seed}. */
  public static void seed(MemorySegment struct, long fieldValue) {
    struct.set(seed$LAYOUT, seed$OFFSET, fieldValue);
  }

  private static final OfInt update$LAYOUT = (OfInt) $LAYOUT.select(groupElement("update"));
  private static final long update$OFFSET = $LAYOUT.byteOffset(groupElement("update"));

  /** Layout of {@code int32_t update}. */
  public static OfInt update$layout() {
    return update$LAYOUT;
  }

  /** Offset of {@code int32_t update} in bytes. */
  public static long update$offset() {
    return update$OFFSET;
  }

  /** Gets {@code int32_t update}: Whether records flagged QUERN_ON_UPDATE run. */
  public static int update(MemorySegment struct) {
    return struct.get(update$LAYOUT, update$OFFSET);
  }

  /** Sets {@code int32_t update}. */
  public static void update(MemorySegment struct, int fieldValue) {
    struct.set(update$LAYOUT, update$OFFSET, fieldValue);
  }

  private static final OfInt cancel$LAYOUT = (OfInt) $LAYOUT.select(groupElement("cancel"));
  private static final long cancel$OFFSET = $LAYOUT.byteOffset(groupElement("cancel"));

  /** Layout of {@code int32_t cancel}. */
  public static OfInt cancel$layout() {
    return cancel$LAYOUT;
  }

  /** Offset of {@code int32_t cancel} in bytes. */
  public static long cancel$offset() {
    return cancel$OFFSET;
  }

  /**
   * Gets {@code int32_t cancel}: May be set by any thread at any time: the run ends with
   * QUERN_CANCELLED.
   */
  public static int cancel(MemorySegment struct) {
    return struct.get(cancel$LAYOUT, cancel$OFFSET);
  }

  /** Sets {@code int32_t cancel}. */
  public static void cancel(MemorySegment struct, int fieldValue) {
    struct.set(cancel$LAYOUT, cancel$OFFSET, fieldValue);
  }

  private static final OfFloat learning_rate$LAYOUT =
      (OfFloat) $LAYOUT.select(groupElement("learning_rate"));
  private static final long learning_rate$OFFSET =
      $LAYOUT.byteOffset(groupElement("learning_rate"));

  /** Layout of {@code float learning_rate}. */
  public static OfFloat learning_rate$layout() {
    return learning_rate$LAYOUT;
  }

  /** Offset of {@code float learning_rate} in bytes. */
  public static long learning_rate$offset() {
    return learning_rate$OFFSET;
  }

  /** Gets {@code float learning_rate}. */
  public static float learning_rate(MemorySegment struct) {
    return struct.get(learning_rate$LAYOUT, learning_rate$OFFSET);
  }

  /** Sets {@code float learning_rate}. */
  public static void learning_rate(MemorySegment struct, float fieldValue) {
    struct.set(learning_rate$LAYOUT, learning_rate$OFFSET, fieldValue);
  }

  private static final OfFloat loss_scale$LAYOUT =
      (OfFloat) $LAYOUT.select(groupElement("loss_scale"));
  private static final long loss_scale$OFFSET = $LAYOUT.byteOffset(groupElement("loss_scale"));

  /** Layout of {@code float loss_scale}. */
  public static OfFloat loss_scale$layout() {
    return loss_scale$LAYOUT;
  }

  /** Offset of {@code float loss_scale} in bytes. */
  public static long loss_scale$offset() {
    return loss_scale$OFFSET;
  }

  /**
   * Gets {@code float loss_scale}: What each counted label's loss is multiplied by: 1 / labels
   * counted.
   */
  public static float loss_scale(MemorySegment struct) {
    return struct.get(loss_scale$LAYOUT, loss_scale$OFFSET);
  }

  /** Sets {@code float loss_scale}. */
  public static void loss_scale(MemorySegment struct, float fieldValue) {
    struct.set(loss_scale$LAYOUT, loss_scale$OFFSET, fieldValue);
  }

  private static final OfFloat max_norm$LAYOUT = (OfFloat) $LAYOUT.select(groupElement("max_norm"));
  private static final long max_norm$OFFSET = $LAYOUT.byteOffset(groupElement("max_norm"));

  /** Layout of {@code float max_norm}. */
  public static OfFloat max_norm$layout() {
    return max_norm$LAYOUT;
  }

  /** Offset of {@code float max_norm} in bytes. */
  public static long max_norm$offset() {
    return max_norm$OFFSET;
  }

  /** Gets {@code float max_norm}: Largest global gradient norm; 0 for no clipping. */
  public static float max_norm(MemorySegment struct) {
    return struct.get(max_norm$LAYOUT, max_norm$OFFSET);
  }

  /** Sets {@code float max_norm}. */
  public static void max_norm(MemorySegment struct, float fieldValue) {
    struct.set(max_norm$LAYOUT, max_norm$OFFSET, fieldValue);
  }

  private static final OfFloat loss$LAYOUT = (OfFloat) $LAYOUT.select(groupElement("loss"));
  private static final long loss$OFFSET = $LAYOUT.byteOffset(groupElement("loss"));

  /** Layout of {@code float loss}. */
  public static OfFloat loss$layout() {
    return loss$LAYOUT;
  }

  /** Offset of {@code float loss} in bytes. */
  public static long loss$offset() {
    return loss$OFFSET;
  }

  /** Gets {@code float loss}: Out: loss_sum_f32's result. */
  public static float loss(MemorySegment struct) {
    return struct.get(loss$LAYOUT, loss$OFFSET);
  }

  /** Sets {@code float loss}. */
  public static void loss(MemorySegment struct, float fieldValue) {
    struct.set(loss$LAYOUT, loss$OFFSET, fieldValue);
  }

  private static final OfFloat grad_norm$LAYOUT =
      (OfFloat) $LAYOUT.select(groupElement("grad_norm"));
  private static final long grad_norm$OFFSET = $LAYOUT.byteOffset(groupElement("grad_norm"));

  /** Layout of {@code float grad_norm}. */
  public static OfFloat grad_norm$layout() {
    return grad_norm$LAYOUT;
  }

  /** Offset of {@code float grad_norm} in bytes. */
  public static long grad_norm$offset() {
    return grad_norm$OFFSET;
  }

  /** Gets {@code float grad_norm}: Out: gradient_norm_f32's result, before clipping. */
  public static float grad_norm(MemorySegment struct) {
    return struct.get(grad_norm$LAYOUT, grad_norm$OFFSET);
  }

  /** Sets {@code float grad_norm}. */
  public static void grad_norm(MemorySegment struct, float fieldValue) {
    struct.set(grad_norm$LAYOUT, grad_norm$OFFSET, fieldValue);
  }

  private static final OfFloat clip_scale$LAYOUT =
      (OfFloat) $LAYOUT.select(groupElement("clip_scale"));
  private static final long clip_scale$OFFSET = $LAYOUT.byteOffset(groupElement("clip_scale"));

  /** Layout of {@code float clip_scale}. */
  public static OfFloat clip_scale$layout() {
    return clip_scale$LAYOUT;
  }

  /** Offset of {@code float clip_scale} in bytes. */
  public static long clip_scale$offset() {
    return clip_scale$OFFSET;
  }

  /** Gets {@code float clip_scale}: Out of gradient_norm_f32, into the optimizer. */
  public static float clip_scale(MemorySegment struct) {
    return struct.get(clip_scale$LAYOUT, clip_scale$OFFSET);
  }

  /** Sets {@code float clip_scale}. */
  public static void clip_scale(MemorySegment struct, float fieldValue) {
    struct.set(clip_scale$LAYOUT, clip_scale$OFFSET, fieldValue);
  }

  private static final OfInt nonfinite$LAYOUT = (OfInt) $LAYOUT.select(groupElement("nonfinite"));
  private static final long nonfinite$OFFSET = $LAYOUT.byteOffset(groupElement("nonfinite"));

  /** Layout of {@code int32_t nonfinite}. */
  public static OfInt nonfinite$layout() {
    return nonfinite$LAYOUT;
  }

  /** Offset of {@code int32_t nonfinite} in bytes. */
  public static long nonfinite$offset() {
    return nonfinite$OFFSET;
  }

  /**
   * Gets {@code int32_t nonfinite}: Out, zero before a run: one more than the node of the first
   * record that met a loss, a norm or squares of a gradient that were NaN or infinite. From that
   * record on the optimizer changes nothing.
   */
  public static int nonfinite(MemorySegment struct) {
    return struct.get(nonfinite$LAYOUT, nonfinite$OFFSET);
  }

  /** Sets {@code int32_t nonfinite}. */
  public static void nonfinite(MemorySegment struct, int fieldValue) {
    struct.set(nonfinite$LAYOUT, nonfinite$OFFSET, fieldValue);
  }

  private static final OfInt status$LAYOUT = (OfInt) $LAYOUT.select(groupElement("status"));
  private static final long status$OFFSET = $LAYOUT.byteOffset(groupElement("status"));

  /** Layout of {@code int32_t status}. */
  public static OfInt status$layout() {
    return status$LAYOUT;
  }

  /** Offset of {@code int32_t status} in bytes. */
  public static long status$offset() {
    return status$OFFSET;
  }

  /** Gets {@code int32_t status}: Out: the first status other than QUERN_OK; zero before a run. */
  public static int status(MemorySegment struct) {
    return struct.get(status$LAYOUT, status$OFFSET);
  }

  /** Sets {@code int32_t status}. */
  public static void status(MemorySegment struct, int fieldValue) {
    struct.set(status$LAYOUT, status$OFFSET, fieldValue);
  }

  private static final OfLong failed_record$LAYOUT =
      (OfLong) $LAYOUT.select(groupElement("failed_record"));
  private static final long failed_record$OFFSET =
      $LAYOUT.byteOffset(groupElement("failed_record"));

  /** Layout of {@code int64_t failed_record}. */
  public static OfLong failed_record$layout() {
    return failed_record$LAYOUT;
  }

  /** Offset of {@code int64_t failed_record} in bytes. */
  public static long failed_record$offset() {
    return failed_record$OFFSET;
  }

  /** Gets {@code int64_t failed_record}: Out: the index of the record that gave the status. */
  public static long failed_record(MemorySegment struct) {
    return struct.get(failed_record$LAYOUT, failed_record$OFFSET);
  }

  /** Sets {@code int64_t failed_record}. */
  public static void failed_record(MemorySegment struct, long fieldValue) {
    struct.set(failed_record$LAYOUT, failed_record$OFFSET, fieldValue);
  }

  private static final OfLong accumulate$LAYOUT =
      (OfLong) $LAYOUT.select(groupElement("accumulate"));
  private static final long accumulate$OFFSET = $LAYOUT.byteOffset(groupElement("accumulate"));

  /** Layout of {@code int64_t accumulate}. */
  public static OfLong accumulate$layout() {
    return accumulate$LAYOUT;
  }

  /** Offset of {@code int64_t accumulate} in bytes. */
  public static long accumulate$offset() {
    return accumulate$OFFSET;
  }

  /**
   * Gets {@code int64_t accumulate}: Whether gradients go on from those of the run before, as in a
   * step of many micro batches.
   */
  public static long accumulate(MemorySegment struct) {
    return struct.get(accumulate$LAYOUT, accumulate$OFFSET);
  }

  /** Sets {@code int64_t accumulate}. */
  public static void accumulate(MemorySegment struct, long fieldValue) {
    struct.set(accumulate$LAYOUT, accumulate$OFFSET, fieldValue);
  }

  private static final SequenceLayout arrived$LAYOUT =
      (SequenceLayout) $LAYOUT.select(groupElement("arrived"));
  private static final long arrived$OFFSET = $LAYOUT.byteOffset(groupElement("arrived"));
  private static final VarHandle arrived$ELEM_HANDLE = arrived$LAYOUT.varHandle(sequenceElement());

  /** Layout of {@code int32_t arrived[12]}. */
  public static SequenceLayout arrived$layout() {
    return arrived$LAYOUT;
  }

  /** Offset of {@code int32_t arrived[12]} in bytes. */
  public static long arrived$offset() {
    return arrived$OFFSET;
  }

  /** The part that holds {@code int32_t arrived[12]}. */
  public static MemorySegment arrived(MemorySegment struct) {
    return struct.asSlice(arrived$OFFSET, arrived$LAYOUT.byteSize());
  }

  /** Copies into {@code int32_t arrived[12]}. */
  public static void arrived(MemorySegment struct, MemorySegment fieldValue) {
    MemorySegment.copy(fieldValue, 0L, struct, arrived$OFFSET, arrived$LAYOUT.byteSize());
  }

  /** Dimensions of {@code int32_t arrived[12]}. */
  public static long[] arrived$dimensions() {
    return new long[] {12};
  }

  /** Gets an element of {@code int32_t arrived[12]}. */
  public static int arrived(MemorySegment struct, long index0) {
    return (int) arrived$ELEM_HANDLE.get(struct, arrived$OFFSET, index0);
  }

  /** Sets an element of {@code int32_t arrived[12]}. */
  public static void arrived(MemorySegment struct, long index0, int fieldValue) {
    arrived$ELEM_HANDLE.set(struct, arrived$OFFSET, index0, fieldValue);
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
