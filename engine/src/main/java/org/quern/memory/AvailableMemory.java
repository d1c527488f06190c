package org.quern.memory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** How much memory this process could still take, by what the operating system tells. */
public final class AvailableMemory {
  private static final Path MEMINFO = Path.of("/proc/meminfo");
  private static final Path CGROUP = Path.of("/sys/fs/cgroup");
  private static final int MOST_DIGITS = 18;

  private AvailableMemory() {}

  /**
   * Bytes that can be taken without swapping: what the kernel calls available, or what the control
   * group still allows, if that is less. {@link Long#MAX_VALUE} where neither is known.
   */
  public static long bytes() {
    return Math.min(machine(), controlGroup());
  }

  private static long machine() {
    for (String line : lines(MEMINFO)) {
      if (line.startsWith("MemAvailable:")) {
        String kibibytes = line.substring("MemAvailable:".length()).replace("kB", "").strip();
        return isNumber(kibibytes) ? Long.parseLong(kibibytes) * 1024 : Long.MAX_VALUE;
      }
    }
    return Long.MAX_VALUE;
  }

  private static long controlGroup() {
    long limit = number(CGROUP.resolve("memory.max"));
    long used = number(CGROUP.resolve("memory.current"));
    if (limit == Long.MAX_VALUE || used == Long.MAX_VALUE) {
      return Long.MAX_VALUE;
    }
    long reclaimable = 0;
    for (String line : lines(CGROUP.resolve("memory.stat"))) {
      if (line.startsWith("inactive_file ")) {
        reclaimable = Long.parseLong(line.substring("inactive_file ".length()).strip());
      }
    }
    return Math.max(0, limit - used + reclaimable);
  }

  private static long number(Path file) {
    List<String> lines = lines(file);
    return !lines.isEmpty() && isNumber(lines.getFirst())
        ? Long.parseLong(lines.getFirst())
        : Long.MAX_VALUE;
  }

  // Asked at every start, where a regular expression takes its time.
  private static boolean isNumber(String text) {
    boolean digits = !text.isEmpty() && text.length() <= MOST_DIGITS;
    for (int index = 0; digits && index < text.length(); index++) {
      digits = text.charAt(index) >= '0' && text.charAt(index) <= '9';
    }
    return digits;
  }

  private static List<String> lines(Path file) {
    try {
      return Files.isReadable(file) ? Files.readAllLines(file) : List.of();
    } catch (IOException e) {
      return List.of();
    }
  }
}
