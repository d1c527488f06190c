package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.data.BatchSource;
import org.quern.exec.LinkedMemory;
import org.quern.ir.Parameter;
import org.quern.ir.Region;
import org.quern.plan.Plan;

/** Against m ← momentum · m + (clip · g + decay · p); p ← p − rate · m, worked out here. */
class SgdTest {
  private static final float MOMENTUM = 0.9f;
  private static final float DECAY = 0.05f;
  private static final float RATE = 0.1f;
  private static final float MAX_NORM = 0.5f;

  @ParameterizedTest
  @MethodSource("org.quern.train.TrainingFixture#backends")
  void threeStepsAreAsComputedByHand(String backend) {
    try (TrainingFixture fixture = TrainingFixture.open(backend, TrainingFixture.gpt2(0))) {
      BatchSource source = BatchSource.shuffled(TrainingFixture.tokens(), 4, 16, 1);
      float[] weights = fixture.weights();
      float[] momentum = new float[weights.length];
      for (int step = 0; step < 3; step++) {
        float[] gradients = gradients(fixture, step);
        double norm = 0;
        for (float gradient : gradients) {
          norm += (double) gradient * gradient;
        }
        norm = Math.sqrt(norm);
        assertThat(norm).as("so that clipping matters").isGreaterThan(MAX_NORM);
        double clip = MAX_NORM / (norm + 1e-6);
        train(fixture, source, step);
        for (Parameter parameter : fixture.model.memory().layout().parameters()) {
          int from = (int) fixture.model.memory().layout().offset(parameter.name());
          int to = from + (int) parameter.shape().elements();
          float decay = parameter.shape().rank() >= 2 ? DECAY : 0;
          for (int i = from; i < to; i++) {
            double gradient = clip * gradients[i] + decay * weights[i];
            momentum[i] = (float) (MOMENTUM * momentum[i] + gradient);
            weights[i] -= RATE * momentum[i];
          }
        }
        float[] ours = fixture.weights();
        for (int i = 0; i < ours.length; i++) {
          assertThat(ours[i]).as("weight " + i).isCloseTo(weights[i], within(2e-6f));
        }
        System.arraycopy(ours, 0, weights, 0, ours.length);
        System.arraycopy(fixture.copy(Region.FIRST_MOMENTS), 0, momentum, 0, ours.length);
      }
    }
  }

  /** The gradients of the batch that is next: left by plain descent without a learning rate. */
  private static float[] gradients(TrainingFixture fixture, int step) {
    float[] kept = fixture.copyIfThere(Region.FIRST_MOMENTS);
    BatchSource source = BatchSource.shuffled(TrainingFixture.tokens(), 4, 16, 1);
    source.seek(4L * step);
    run(fixture, source, new Optimizer.Sgd(0, 0), step, 0, 0);
    float[] gradients = fixture.copy(Region.FIRST_MOMENTS);
    fixture.paste(Region.FIRST_MOMENTS, kept);
    return gradients;
  }

  private static void train(TrainingFixture fixture, BatchSource source, int step) {
    run(fixture, source, new Optimizer.Sgd(MOMENTUM, DECAY), step, RATE, MAX_NORM);
  }

  private static void run(
      TrainingFixture fixture,
      BatchSource source,
      Optimizer optimizer,
      int step,
      float rate,
      float maxNorm) {
    Plan plan =
        Plan.of(
            TrainingProgram.graph(
                fixture.model.architecture(), source, optimizer.keepingGradients()));
    LinkedMemory memory = LinkedMemory.of(fixture.model.memory());
    try (TrainingProgram program =
        new TrainingProgram(fixture.engine.backend(), plan, memory, source, 1)) {
      assertThat(program.run(source, step, rate, maxNorm, 0)).isTrue();
    }
  }
}
