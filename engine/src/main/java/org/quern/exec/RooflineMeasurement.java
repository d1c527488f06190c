package org.quern.exec;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.DoubleSupplier;
import java.util.function.IntToDoubleFunction;
import org.quern.ir.Kernel;
import org.quern.ir.Precision;
import org.quern.memory.Slab;
import org.quern.memory.SlabAllocator;
import org.quern.profile.Roofline;

/** Measures the roofline in about half a second: the best of several short rounds each. */
final class RooflineMeasurement {
  private static final long ROUND_NANOS = 25_000_000;
  private static final int LEAST_ROUNDS = 3;
  private static final int MOST_ROUNDS = 24;

  /** By less than this a round is no better than the best before. */
  private static final double BETTER = 1.02;

  private static final long MEBIBYTE = 1L << 20;
  private static final Path CACHES = Path.of("/sys/devices/system/cpu/cpu0/cache");

  private final Walker walker;
  private final Workers workers;
  private final int tier;
  private final Precision precision;

  RooflineMeasurement(Walker walker, Workers workers, int tier, Precision precision) {
    this.walker = walker;
    this.workers = workers;
    this.tier = tier;
    this.precision = precision;
  }

  Roofline measure(String tierName, SlabAllocator allocator) {
    long bytes = Math.min(sweep(), (allocator.budget() - allocator.allocated()) / 2);
    try (Slab memory = allocator.allocate("memory to measure with", bytes)) {
      long address = memory.address();
      long share = memory.bytes() / workers.count() / SlabAllocator.ALIGNMENT;
      share *= SlabAllocator.ALIGNMENT;
      long part = share;
      // Pages that were never written are all one page, and in the cache.
      workers.onAll(worker -> memory.segment().asSlice(worker * part, part).fill((byte) 0));
      IntToDoubleFunction arithmetic = arithmetic(Kernel.ADD_F32);
      IntToDoubleFunction reading =
          worker -> walker.measureReading(tier, address + worker * part, part, ROUND_NANOS);
      warmUp(arithmetic);
      warmUp(reading);
      double flops = best(arithmetic);
      double read = best(reading);
      return new Roofline(
          tierName,
          workers.count(),
          workers.count() == 1 ? flops : bestAlone(arithmetic),
          flops,
          precision == Precision.F32
              ? flops
              : best(arithmetic(precision.kernel(Kernel.MATMUL_F32))),
          best(arithmetic(Kernel.MATMUL_INT8)),
          workers.count() == 1
              ? read
              : bestAlone(
                  worker -> walker.measureReading(tier, address, memory.bytes(), ROUND_NANOS)),
          read);
    }
  }

  private IntToDoubleFunction arithmetic(Kernel kernel) {
    return worker -> walker.measureArithmetic(tier, kernel, ROUND_NANOS);
  }

  private void warmUp(IntToDoubleFunction rate) {
    long begin = System.nanoTime();
    while (System.nanoTime() - begin < walker.warmUpNanos() / 2) {
      double ignored = best(rate);
    }
  }

  private double best(IntToDoubleFunction rate) {
    return best(() -> workers.rateOfAll(ROUND_NANOS, rate));
  }

  private static double bestAlone(IntToDoubleFunction rate) {
    return best(() -> rate.applyAsDouble(0));
  }

  /** Rounds until one after the other is no better. */
  private static double best(DoubleSupplier round) {
    double best = 0;
    int since = 0;
    for (int index = 0; index < MOST_ROUNDS && since < LEAST_ROUNDS; index++) {
      double rate = round.getAsDouble();
      since = rate > best * BETTER ? 0 : since + 1;
      best = Math.max(best, rate);
    }
    return best;
  }

  /**
   * Sixteen times the largest cache, where the system tells it. Of four times, a quarter can stay
   * in a cache that does not replace what was read longest ago, and the memory seem half as fast
   * again.
   */
  private static long sweep() {
    long largest = 0;
    for (int index = 0; index < 8; index++) {
      Path file = CACHES.resolve("index" + index).resolve("size");
      if (Files.isReadable(file)) {
        largest = Math.max(largest, cacheBytes(file));
      }
    }
    return Math.clamp(16 * largest, 256 * MEBIBYTE, 1024 * MEBIBYTE);
  }

  private static long cacheBytes(Path file) {
    try {
      String text = Files.readString(file).strip();
      return text.matches("[0-9]{1,9}K")
          ? Long.parseLong(text.substring(0, text.length() - 1)) * 1024
          : 0;
    } catch (IOException e) {
      // Unknown, as on systems that have no such file.
      return 0;
    }
  }
}
