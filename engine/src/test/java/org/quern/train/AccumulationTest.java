package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.data.BatchSource;
import org.quern.exec.LinkedMemory;
import org.quern.ir.Region;
import org.quern.model.ModelConfig;
import org.quern.plan.Plan;

/** Many small batches are one large one, however unequal the labels that count in each. */
class AccumulationTest {
  private static final int ROWS = 16;

  /** Sixteen rows of which row r ignores all but its first r + 1 labels; row 3 ignores all. */
  private static final class Ragged implements BatchSource {
    private final BatchSource rows = BatchSource.sequential(TrainingFixture.tokens(), 1, 16);
    private final int batch;
    private final MemorySegment rowIds = MemorySegment.ofArray(new int[16]);
    private final MemorySegment rowLabels = MemorySegment.ofArray(new int[16]);
    private long counted;

    Ragged(int batch) {
      this.batch = batch;
    }

    @Override
    public int batch() {
      return batch;
    }

    @Override
    public int time() {
      return 16;
    }

    @Override
    public long batchesPerEpoch() {
      return ROWS / batch;
    }

    @Override
    public long cursor() {
      return rows.cursor();
    }

    @Override
    public void seek(long cursor) {
      rows.seek(cursor);
    }

    @Override
    public boolean next(MemorySegment ids, MemorySegment labels) {
      counted = 0;
      for (int row = 0; row < batch; row++) {
        int number = (int) rows.cursor();
        rows.next(rowIds, rowLabels);
        int count = number == 3 ? 0 : number + 1;
        for (int time = count; time < 16; time++) {
          rowLabels.setAtIndex(ValueLayout.JAVA_INT, time, IGNORED);
        }
        counted += count;
        MemorySegment.copy(rowIds, 0, ids, row * 64L, 64);
        MemorySegment.copy(rowLabels, 0, labels, row * 64L, 64);
      }
      return true;
    }

    @Override
    public long labelsInBatch() {
      return counted;
    }
  }

  private record Step(float loss, float[] gradients, float[] weights) {}

  /** The gradients are read from the momentum of a step that does not change the weights. */
  private static Step step(String backend, ModelConfig config, int batch) {
    int accumulation = ROWS / batch;
    TrainingOptions options =
        TrainingFixture.options(1)
            .withAccumulation(accumulation)
            .withOptimizer(new Optimizer.Sgd(0, 0))
            .withSchedule(Schedule.constant(1))
            .withMaxNorm(0);
    try (TrainingFixture fixture = TrainingFixture.open(backend, config)) {
      float[] before = fixture.weights();
      Plan plan =
          Plan.of(
              TrainingProgram.graph(
                  fixture.model.architecture(), new Ragged(batch), options.update()));
      float[] gradients;
      float loss;
      try (TrainingProgram program =
          new TrainingProgram(
              fixture.engine.backend(),
              plan,
              LinkedMemory.of(fixture.model.memory()),
              new Ragged(batch),
              accumulation)) {
        assertThat(program.run(new Ragged(batch), 0, 0, 0, 0)).isTrue();
        loss = program.loss();
        assertThat(fixture.weights()).as("at learning rate 0").isEqualTo(before);
        // Plain descent keeps the gradient as its momentum.
        gradients = fixture.copy(Region.FIRST_MOMENTS);
      }
      try (Trainer trainer =
          fixture.trainer(new Ragged(batch), Optional.empty(), options, TrainingListener.NONE)) {
        assertThat(trainer.train().loss()).isEqualTo(loss);
      }
      return new Step(loss, gradients, fixture.weights());
    }
  }

  @ParameterizedTest
  @MethodSource("org.quern.train.TrainingFixture#backends")
  void oneOfSixteenIsFourOfFourIsSixteenOfOne(String backend) {
    for (ModelConfig config :
        new ModelConfig[] {TrainingFixture.gpt2(0), TrainingFixture.llama()}) {
      Step whole = step(backend, config, 16);
      assertThat(norm(whole.gradients())).isGreaterThan(0.1);
      for (int batch : new int[] {4, 1}) {
        Step parts = step(backend, config, batch);
        assertThat(Math.abs(parts.loss() - whole.loss()) / whole.loss())
            .as("loss in batches of " + batch)
            .isLessThanOrEqualTo(1e-6f);
        assertThat(error(parts.gradients(), whole.gradients()))
            .as("gradients in batches of " + batch)
            .isLessThanOrEqualTo(1e-6);
        assertThat(error(parts.weights(), whole.weights()))
            .as("weights after a step in batches of " + batch)
            .isLessThanOrEqualTo(1e-6);
      }
    }
  }

  private static double norm(float[] values) {
    return error(values, new float[values.length], 1);
  }

  private static double error(float[] ours, float[] expected) {
    return error(ours, expected, norm(expected));
  }

  private static double error(float[] ours, float[] expected, double norm) {
    double sum = 0;
    for (int i = 0; i < ours.length; i++) {
      double difference = (double) ours[i] - expected[i];
      sum += difference * difference;
    }
    return Math.sqrt(sum) / norm;
  }
}
