package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class ProgressBarTest {
  @Test
  void timeIsToldInMinutesAndHours() {
    assertThat(ProgressBar.time(7)).isEqualTo("0:07");
    assertThat(ProgressBar.time(125)).isEqualTo("2:05");
    assertThat(ProgressBar.time(3723)).isEqualTo("1:02:03");
  }
}
