package org.quern.app;

import java.util.OptionalInt;

/**
 * How often a thing is run before it is timed, and while it is: a given number of times, or else
 * until both a number of runs and a time are reached.
 *
 * @param warmup runs that are not timed
 * @param steps runs that are
 * @param leastWarmup without a number: at least so many, and a tenth of the seconds
 * @param leastSteps without a number: at least so many, and all of the seconds
 * @param seconds see above
 */
record Repetitions(
    OptionalInt warmup, OptionalInt steps, int leastWarmup, int leastSteps, double seconds) {
  private static final int MOST = 10_000;

  Times measure(Runnable run) {
    repeat(run, warmup, leastWarmup, seconds / 10);
    return repeat(run, steps, leastSteps, seconds);
  }

  private static Times repeat(Runnable run, OptionalInt given, int least, double seconds) {
    long[] nanos = new long[given.orElse(MOST)];
    long start = System.nanoTime();
    int done = 0;
    while (done < nanos.length) {
      long before = System.nanoTime();
      if (given.isEmpty() && done >= least && before - start >= seconds * 1e9) {
        break;
      }
      run.run();
      nanos[done] = System.nanoTime() - before;
      done++;
    }
    return Times.of(nanos, done);
  }
}
