package org.quern.memory;

import java.util.Locale;

/** Sizes of memory in words. */
public final class Bytes {
  private static final String[] UNITS = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

  private Bytes() {}

  /** The size with a binary unit and three digits or so: {@code 1.25 GiB}. */
  public static String toString(long bytes) {
    if (bytes < 1024) {
      return bytes + " bytes";
    }
    double size = bytes;
    int unit = -1;
    while (size >= 1024 && unit < UNITS.length - 1) {
      size /= 1024;
      unit++;
    }
    return String.format(Locale.ROOT, size < 10 ? "%.2f %s" : "%.1f %s", size, UNITS[unit]);
  }

  /** The least multiple of {@code alignment}, a power of two, that is not below {@code bytes}. */
  public static long align(long bytes, long alignment) {
    return Math.addExact(bytes, alignment - 1) & -alignment;
  }
}
