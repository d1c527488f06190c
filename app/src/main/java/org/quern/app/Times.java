package org.quern.app;

import java.util.Arrays;

/** How long each of several runs of the same thing took. */
final class Times {
  private final double[] milliseconds;

  private Times(double[] milliseconds) {
    this.milliseconds = milliseconds;
  }

  /** The first {@code count} of measured times, in nanoseconds. */
  static Times of(long[] nanos, int count) {
    double[] sorted = Arrays.stream(nanos, 0, count).mapToDouble(time -> time / 1e6).toArray();
    Arrays.sort(sorted);
    return new Times(sorted);
  }

  int count() {
    return milliseconds.length;
  }

  /** The median in milliseconds. */
  double median() {
    int middle = milliseconds.length / 2;
    return milliseconds.length % 2 == 1
        ? milliseconds[middle]
        : (milliseconds[middle - 1] + milliseconds[middle]) / 2;
  }

  double least() {
    return milliseconds[0];
  }

  double most() {
    return milliseconds[milliseconds.length - 1];
  }

  /** How far the slowest is from the fastest, as a share of the median. */
  double spread() {
    return (most() - least()) / median();
  }
}
