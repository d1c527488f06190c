package org.quern.profile;

import java.util.Locale;
import org.quern.ir.Cost;
import org.quern.ir.Kernel;

/**
 * What this machine does at most, as measured (Williams, Waterman and Patterson 2009): arithmetic
 * in registers, and reading memory that is larger than the caches. Rates of all threads together
 * are measured with all of them at work. Matrix products are held against the instructions that the
 * engine computes them with, which on some CPUs do many times what F32's do.
 *
 * @param tier the instruction set, such as {@code avx2}
 * @param threads the number of threads
 * @param flopsAlone F32 operations a second of one thread, a fused multiply-add counting as two
 * @param flops F32 operations a second of all threads
 * @param products operations a second of all threads in matrix products, as the engine's precision
 *     has them computed
 * @param int8 operations a second of all threads in products of quantized weights
 * @param readingAlone bytes a second that one thread reads
 * @param reading bytes a second that all threads read
 */
public record Roofline(
    String tier,
    int threads,
    double flopsAlone,
    double flops,
    double products,
    double int8,
    double readingAlone,
    double reading) {
  /** The least time in seconds that a kernel takes for this on all threads. */
  public double seconds(Kernel kernel, Cost cost) {
    return Math.max(least(cost.flops(), arithmetic(kernel)), least(cost.bytes(), reading));
  }

  private double arithmetic(Kernel kernel) {
    return switch (kernel) {
      case MATMUL_F32, MATMUL_BF16, ATTENTION_BF16, ATTENTION_BACKWARD_BF16 -> products;
      case MATMUL_INT8 -> int8;
      default -> flops;
    };
  }

  private static double least(long amount, double rate) {
    return rate > 0 ? amount / rate : 0;
  }

  /** The rates in a sentence. */
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%s: F32 %.1f GFLOP/s, %.1f with %s%s, INT8 %.1f; memory read at %.1f GB/s, %.1f with %d.",
        tier,
        flopsAlone / 1e9,
        flops / 1e9,
        threads == 1 ? "1 thread" : threads + " threads",
        products == flops ? "" : String.format(Locale.ROOT, ", BF16 %.1f", products / 1e9),
        int8 / 1e9,
        readingAlone / 1e9,
        reading / 1e9,
        threads);
  }
}
