package org.quern.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.quern.ir.op.ActivationFunction;

/** The reference's own foundations, against published numbers. */
class ReferenceTest {
  /** Random123's known answers, {@code kat_vectors}, philox4x32 10. */
  @Test
  void philoxGivesTheKnownAnswers() {
    assertThat(Philox.words(new int[] {0, 0, 0, 0}, 0, 0))
        .containsExactly(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
    assertThat(Philox.words(new int[] {-1, -1, -1, -1}, -1, -1))
        .containsExactly(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
    assertThat(
            Philox.words(
                new int[] {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0))
        .containsExactly(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1);
  }

  @Test
  void randomTakesKeyAndCounterFromStepAndIndex() {
    ReferenceStep step = new ReferenceStep();
    step.seed = 0x299f31d0_a4093822L;
    step.sequence = 0x77_03707344L;
    // Counter word 1 is index / 4's upper half.
    long index = (0x85a308d3_243f6a88L & 0x3fffffff_ffffffffL) * 4 + 2;
    int[] words =
        Philox.words(
            new int[] {0x243f6a88, 0x05a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0);
    assertThat(step.random(0x13198a2e, index)).isEqualTo((words[2] >>> 8) / 16777216.0);
  }

  @Test
  void randomNumbersAreEven() {
    ReferenceStep step = new ReferenceStep();
    step.seed = 42;
    double sum = 0;
    for (int index = 0; index < 20_000; index++) {
      sum += step.random(3, index);
    }
    assertThat(sum / 20_000).isCloseTo(0.5, within(0.01));
  }

  /** Abramowitz and Stegun, table 7.1. */
  @Test
  void erfGivesTheTablesValues() {
    assertThat(ActivationReference.erf(0)).isZero();
    assertThat(ActivationReference.erf(0.5)).isCloseTo(0.5204998778, within(1e-10));
    assertThat(ActivationReference.erf(-1)).isCloseTo(-0.8427007929, within(1e-10));
    assertThat(ActivationReference.erf(2)).isCloseTo(0.9953222650, within(1e-10));
    assertThat(ActivationReference.erf(5.9)).isCloseTo(1, within(1e-15));
  }

  @Test
  void activationsGivePyTorchsValues() {
    assertThat(ActivationReference.value(ActivationFunction.GELU_TANH, 1))
        .isCloseTo(0.8411919906, within(1e-9));
    assertThat(ActivationReference.value(ActivationFunction.GELU_ERF, 1))
        .isCloseTo(0.8413447461, within(1e-9));
    assertThat(ActivationReference.value(ActivationFunction.SILU, 1))
        .isCloseTo(0.7310585786, within(1e-9));
    assertThat(ActivationReference.value(ActivationFunction.RELU, -1)).isZero();
  }
}
