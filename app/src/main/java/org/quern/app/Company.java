package org.quern.app;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.OptionalDouble;

/** How busy others keep this machine's processors while we measure, as Linux counts it. */
final class Company {
  private static final Path ALL = Path.of("/proc/stat");
  private static final Path OURS = Path.of("/proc/self/stat");

  /** More than this many processors, and times say little. */
  static final double TOO_MUCH = 0.1;

  private final OptionalDouble before = othersTicks();
  private final long start = System.nanoTime();

  /**
   * Processors that others kept busy since this was made, on average; empty where the system does
   * not say. Our children count as ours once they have ended.
   */
  OptionalDouble processors() {
    OptionalDouble now = othersTicks();
    if (now.isEmpty() || before.isEmpty()) {
      return OptionalDouble.empty();
    }
    // A tick is a hundredth of a second wherever Linux tells user programs of ticks.
    double ticks = (System.nanoTime() - start) / 1e7;
    return OptionalDouble.of(Math.max(0, (now.getAsDouble() - before.getAsDouble()) / ticks));
  }

  private static OptionalDouble othersTicks() {
    try {
      String first = Files.readAllLines(ALL).getFirst();
      return OptionalDouble.of(busyTicks(first) - ourTicks(Files.readString(OURS)));
    } catch (IOException | NumberFormatException notLinux) {
      return OptionalDouble.empty();
    }
  }

  /**
   * From {@code cpu user nice system idle iowait irq softirq steal ...}: all but idle and iowait.
   */
  static long busyTicks(String line) {
    long[] ticks =
        Arrays.stream(line.strip().split("\\s+")).skip(1).mapToLong(Long::parseLong).toArray();
    return Arrays.stream(ticks, 0, Math.min(8, ticks.length)).sum() - ticks[3] - ticks[4];
  }

  /** From {@code pid (name) state ...}: the time of this process and of its ended children. */
  static long ourTicks(String line) {
    String[] fields = line.substring(line.lastIndexOf(')') + 2).split(" ", -1);
    return Arrays.stream(fields, 11, 15).mapToLong(Long::parseLong).sum();
  }
}
