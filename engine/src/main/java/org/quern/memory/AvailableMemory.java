package org.quern.memory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** How much memory this process could still take, by what the operating system tells. */
public final class AvailableMemory {
  private static final Path MEMINFO = Path.of("/proc/meminfo");
  private static final Path CGROUP = Path.of("/sys/fs/cgroup");

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
        String digits = line.replaceAll("[^0-9]", "");
        return digits.isEmpty() ? Long.MAX_VALUE : Long.parseLong(digits) * 1024;
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
    if (lines.isEmpty() || !lines.getFirst().matches("[0-9]{1,18}")) {
      return Long.MAX_VALUE;
    }
    return Long.parseLong(lines.getFirst());
  }

  private static List<String> lines(Path file) {
    try {
      return Files.isReadable(file) ? Files.readAllLines(file) : List.of();
    } catch (IOException e) {
      return List.of();
    }
  }
}
