package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ScheduleTest {
  private static void expect(Schedule schedule, long step, double rate) {
    assertThat(schedule.learningRate(step)).as("step " + step).isEqualTo((float) rate);
  }

  @Test
  void warmsUpAsNanoGptDoes() {
    // lr = learning_rate * (it + 1) / (warmup_iters + 1)
    Schedule schedule = new Schedule.Constant(1e-3, 4);
    expect(schedule, 0, 0.2e-3);
    expect(schedule, 1, 0.4e-3);
    expect(schedule, 3, 0.8e-3);
    expect(schedule, 4, 1e-3);
    expect(schedule, 1_000_000, 1e-3);
    expect(Schedule.constant(0.5), 0, 0.5);
  }

  @Test
  void fallsInAStraightLine() {
    Schedule schedule = new Schedule.Linear(1e-3, 1e-4, 10, 110);
    expect(schedule, 9, 1e-3 * 10 / 11);
    expect(schedule, 10, 1e-3);
    expect(schedule, 60, 5.5e-4);
    expect(schedule, 85, 3.25e-4);
    expect(schedule, 110, 1e-4);
    expect(schedule, 111, 1e-4);
  }

  @Test
  void fallsAlongACosine() {
    Schedule schedule = new Schedule.Cosine(1e-3, 1e-4, 100, 2100);
    expect(schedule, 0, 1e-3 / 101);
    expect(schedule, 100, 1e-3);
    expect(schedule, 600, 1e-4 + 9e-4 * 0.5 * (1 + Math.sqrt(0.5)));
    expect(schedule, 1100, 5.5e-4);
    expect(schedule, 1600, 1e-4 + 9e-4 * 0.5 * (1 - Math.sqrt(0.5)));
    expect(schedule, 2100, 1e-4);
    expect(schedule, 9999, 1e-4);
  }

  @Test
  void staysAndThenDecays() {
    Schedule schedule = new Schedule.WarmupStableDecay(1e-3, 0, 10, 20, 100);
    expect(schedule, 9, 1e-3 * 10 / 11);
    expect(schedule, 10, 1e-3);
    expect(schedule, 80, 1e-3);
    expect(schedule, 85, 0.75e-3);
    expect(schedule, 95, 0.25e-3);
    expect(schedule, 100, 0);
  }

  @Test
  void aDecayOfNoStepsIsACliff() {
    Schedule schedule = new Schedule.WarmupStableDecay(1e-3, 1e-5, 0, 0, 10);
    expect(schedule, 9, 1e-3);
    expect(schedule, 10, 1e-5);
  }

  @Test
  void aScheduleThatIsAllWarmUpEndsAtItsFloor() {
    Schedule schedule = new Schedule.Cosine(1e-3, 1e-4, 10, 10);
    expect(schedule, 9, 1e-3 * 10 / 11);
    expect(schedule, 10, 1e-4);
  }

  @Test
  void refusesWhatMakesNoSense() {
    assertThatThrownBy(() -> new Schedule.Cosine(1e-3, 1e-4, 20, 10))
        .isInstanceOf(TrainingException.class)
        .hasMessageContaining("before its warm-up of 20 is over");
    assertThatThrownBy(() -> new Schedule.Linear(1e-4, 1e-3, 0, 10))
        .hasMessageContaining("above its peak");
    assertThatThrownBy(() -> new Schedule.Constant(Double.NaN, 0))
        .hasMessageContaining("must not be negative");
    assertThatThrownBy(() -> new Schedule.Constant(1, -1)).hasMessageContaining("-1 steps");
    assertThatThrownBy(() -> new Schedule.WarmupStableDecay(1, 0, 50, 60, 100))
        .hasMessageContaining("do not fit into 100");
  }
}
