package org.quern.train;

/**
 * The learning rate of each step. All begin with a linear warm-up as nanoGPT's: step {@code s},
 * counted from 0, of {@code w} has {@code peak · (s + 1) / (w + 1)}, so that step {@code w} is the
 * first at the peak. From a schedule's end on, the rate is the floor.
 */
public sealed interface Schedule {
  /** The learning rate of a step, counted from 0. */
  float learningRate(long step);

  /**
   * The peak after the warm-up, for ever.
   *
   * @param peak the learning rate
   * @param warmup steps before it is reached
   */
  record Constant(double peak, long warmup) implements Schedule {
    /** Checks the ranges. */
    public Constant {
      rate("peak", peak);
      notNegative("warm-up", warmup);
    }

    @Override
    public float learningRate(long step) {
      return (float) (step < warmup ? warm(peak, warmup, step) : peak);
    }
  }

  /**
   * From the peak to the floor in a straight line.
   *
   * @param peak the highest learning rate
   * @param floor the last learning rate
   * @param warmup steps before the peak
   * @param end the first step at the floor: commonly the number of steps
   */
  record Linear(double peak, double floor, long warmup, long end) implements Schedule {
    /** Checks the ranges. */
    public Linear {
      fall(peak, floor, warmup, end);
    }

    @Override
    public float learningRate(long step) {
      if (step < warmup) {
        return (float) warm(peak, warmup, step);
      }
      return (float) (floor + (peak - floor) * (1 - share(warmup, end, step)));
    }
  }

  /**
   * From the peak to the floor along half a cosine (Loshchilov and Hutter 2017, equation 5, without
   * restarts).
   *
   * @param peak the highest learning rate
   * @param floor the last learning rate
   * @param warmup steps before the peak
   * @param end the first step at the floor: commonly the number of steps
   */
  record Cosine(double peak, double floor, long warmup, long end) implements Schedule {
    /** Checks the ranges. */
    public Cosine {
      fall(peak, floor, warmup, end);
    }

    @Override
    public float learningRate(long step) {
      if (step < warmup) {
        return (float) warm(peak, warmup, step);
      }
      // StrictMath, so that a run resumed on another machine goes on with the same rates.
      double cosine = StrictMath.cos(StrictMath.PI * share(warmup, end, step));
      return (float) (floor + (peak - floor) * 0.5 * (1 + cosine));
    }
  }

  /**
   * The peak for most of the way, then to the floor in a straight line (Hu et al. 2024, section 4).
   *
   * @param peak the highest learning rate
   * @param floor the last learning rate
   * @param warmup steps before the peak
   * @param decay steps from the peak to the floor
   * @param end the first step at the floor: commonly the number of steps
   */
  record WarmupStableDecay(double peak, double floor, long warmup, long decay, long end)
      implements Schedule {
    /** Checks the ranges. */
    public WarmupStableDecay {
      fall(peak, floor, warmup, end);
      notNegative("decay", decay);
      if (decay > end - warmup) {
        throw new TrainingException(
            "The schedule's warm-up of "
                + warmup
                + " and decay of "
                + decay
                + " steps do not fit into "
                + end
                + "; shorten one of them.");
      }
    }

    @Override
    public float learningRate(long step) {
      if (step < warmup) {
        return (float) warm(peak, warmup, step);
      }
      return (float) (floor + (peak - floor) * (1 - share(end - decay, end, step)));
    }
  }

  /** The peak for ever, without warm-up. */
  static Schedule constant(double peak) {
    return new Constant(peak, 0);
  }

  private static double warm(double peak, long warmup, long step) {
    return peak * (step + 1) / (warmup + 1);
  }

  /** How much of the way from {@code start} to {@code end} lies behind {@code step}. */
  private static double share(long start, long end, long step) {
    if (step >= end) {
      return 1;
    }
    return step <= start ? 0 : (double) (step - start) / (end - start);
  }

  private static void fall(double peak, double floor, long warmup, long end) {
    rate("peak", peak);
    rate("floor", floor);
    notNegative("warm-up", warmup);
    if (floor > peak) {
      throw new TrainingException(
          "The learning rate's floor " + floor + " is above its peak " + peak + "; exchange them.");
    }
    if (end < warmup) {
      throw new TrainingException(
          "The schedule ends after "
              + end
              + " steps, before its warm-up of "
              + warmup
              + " is over; shorten the warm-up.");
    }
  }

  private static void rate(String what, double value) {
    if (!(value >= 0 && value <= Float.MAX_VALUE)) {
      throw new TrainingException(
          "The learning rate's " + what + " is " + value + "; it must not be negative.");
    }
  }

  private static void notNegative(String what, long steps) {
    if (steps < 0) {
      throw new TrainingException(
          "The schedule's " + what + " is " + steps + " steps; it must not be negative.");
    }
  }
}
