package org.quern.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Times a thing as Quern's own benchmarks do: warm up, then so many runs and so many seconds. */
final class Measure {
  private static final int MOST = 10_000;

  private Measure() {}

  /**
   * @param leastWarmup at least so many runs before, and a tenth of the seconds
   * @param least at least so many runs, and all of the seconds
   * @return milliseconds of each run, ascending
   */
  static double[] repeat(Runnable run, int leastWarmup, int least, double seconds) {
    timed(run, leastWarmup, seconds / 10);
    return timed(run, least, seconds);
  }

  private static double[] timed(Runnable run, int least, double seconds) {
    double[] times = new double[MOST];
    long start = System.nanoTime();
    int done = 0;
    while (done < MOST && (done < least || System.nanoTime() - start < seconds * 1e9)) {
      long before = System.nanoTime();
      run.run();
      times[done] = (System.nanoTime() - before) / 1e6;
      done++;
    }
    double[] sorted = Arrays.copyOf(times, done);
    Arrays.sort(sorted);
    return sorted;
  }

  static double median(double[] sorted) {
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  /** A member of a JSON object. */
  static String member(String name, double value) {
    return String.format(Locale.ROOT, "\"%s\":%.6g", name, value);
  }

  /** A member of a JSON object; the text has nothing that JSON escapes. */
  static String member(String name, String text) {
    return "\"" + name + "\":\"" + text.replaceAll("[\\\\\"\\p{Cntrl}]", " ") + "\"";
  }

  /** Prints the object of these members, and the most memory that was resident. */
  static void print(List<String> members) throws IOException {
    StringBuilder object = new StringBuilder(String.join(",", members));
    Path status = Path.of("/proc/self/status");
    if (Files.isReadable(status)) {
      for (String line : Files.readAllLines(status)) {
        if (line.startsWith("VmHWM:")) {
          double peak = Long.parseLong(line.replaceAll("\\D", "")) / (double) (1 << 20);
          object.append(',').append(member("peak_rss_gib", peak));
        }
      }
    }
    System.out.println("{" + object + "}");
    System.out.flush();
  }
}
