package org.quern.profile;

import java.util.Locale;
import org.quern.ir.Cost;

/**
 * What this machine does at most, as measured (Williams, Waterman and Patterson 2009): arithmetic
 * in registers, and reading memory that is larger than the caches. Rates of all threads together
 * are measured with all of them at work.
 *
 * @param tier the instruction set, such as {@code avx2}
 * @param threads the number of threads
 * @param flopsAlone F32 operations a second of one thread, a fused multiply-add counting as two
 * @param flops F32 operations a second of all threads
 * @param readingAlone bytes a second that one thread reads
 * @param reading bytes a second that all threads read
 */
public record Roofline(
    String tier,
    int threads,
    double flopsAlone,
    double flops,
    double readingAlone,
    double reading) {
  /** The least time in seconds that something of this cost takes on all threads. */
  public double seconds(Cost cost) {
    return Math.max(least(cost.flops(), flops), least(cost.bytes(), reading));
  }

  private static double least(long amount, double rate) {
    return rate > 0 ? amount / rate : 0;
  }

  /** The four rates in a sentence. */
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%s: F32 %.1f GFLOP/s with 1 thread, %.1f with %d; memory read at %.1f GB/s with 1, %.1f"
            + " with %d.",
        tier,
        flopsAlone / 1e9,
        flops / 1e9,
        threads,
        readingAlone / 1e9,
        reading / 1e9,
        threads);
  }
}
