package org.quern;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.exec.Executable;
import org.quern.exec.LinkedMemory;
import org.quern.generate.Decoder;
import org.quern.ir.Graph;
import org.quern.ir.Parameter;
import org.quern.ir.Region;
import org.quern.ir.Update;
import org.quern.ir.Value;
import org.quern.ir.op.CrossEntropy;
import org.quern.model.LanguageModelGraphs;
import org.quern.model.NaiveModel;
import org.quern.model.Pass;
import org.quern.plan.Plan;
import org.quern.reference.ReferenceInterpreter;
import org.quern.reference.ReferenceStep;

/** Both families in shapes that no reference case has, against two oracles in double precision. */
class ModelShapesTest {
  private static final double NEAR = 1e-5;
  private static final int BATCH = 2;
  private static final int TIME = 23;

  /** Around the sizes of the pieces that prompts go in by, and of the windows. */
  private static final int[] LENGTHS = {
    1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 21, 63, 64, 65, 85, 100, 101, 255, 256, 257, 277, 300
  };

  static Stream<Arguments> shapesOnEngines() {
    return TestEngines.all().stream()
        .flatMap(kind -> ModelShapes.all().keySet().stream().map(name -> Arguments.of(name, kind)));
  }

  private static Executable link(Engine engine, Model model, Graph graph) {
    return engine.backend().link(Plan.of(graph), LinkedMemory.of(model.memory()));
  }

  private static void write(MemorySegment segment, int[] values) {
    MemorySegment.copy(values, 0, segment, JAVA_INT, 0, values.length);
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("shapesOnEngines")
  void logitsAreThoseOfTheDefinition(String shape, TestEngines.Kind kind) {
    try (Engine engine = kind.open();
        Model model = ModelShapes.create(engine, shape)) {
      int vocabulary = model.config().vocabularySize();
      int[] ids = ModelShapes.ids(BATCH * TIME, vocabulary);
      NaiveModel naive = new NaiveModel(ModelShapes.json(shape), ModelShapes.weights(model));
      Graph graph = LanguageModelGraphs.logits(model.architecture(), BATCH, TIME);
      try (Executable program = link(engine, model, graph)) {
        write(program.input(Pass.IDS), ids);
        program.run();
        double[] logits = ModelShapes.doubles(program.output(LanguageModelGraphs.LOGITS));
        for (int row = 0; row < BATCH; row++) {
          double[][] expected = naive.logits(Arrays.copyOfRange(ids, row * TIME, (row + 1) * TIME));
          for (int time = 0; time < TIME; time++) {
            int first = (row * TIME + time) * vocabulary;
            double[] ours = Arrays.copyOfRange(logits, first, first + vocabulary);
            assertThat(ModelShapes.error(ours, expected[time]))
                .as("sequence %d, position %d", row, time)
                .isLessThan(NEAR);
          }
        }
      }
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("shapesOnEngines")
  void lossAndGradientsAreThoseOfTheReference(String shape, TestEngines.Kind kind) {
    try (Engine engine = kind.open();
        Model model = ModelShapes.create(engine, shape)) {
      int vocabulary = model.config().vocabularySize();
      int[] ids = ModelShapes.ids(BATCH * TIME, vocabulary);
      int[] labels = ModelShapes.ids(BATCH * TIME, vocabulary);
      labels[3] = CrossEntropy.IGNORED;
      labels[TIME] = CrossEntropy.IGNORED;
      float scale = 1f / (labels.length - 2);
      Graph graph = LanguageModelGraphs.training(model.architecture(), BATCH, TIME, Update.NONE);
      ReferenceInterpreter reference = new ReferenceInterpreter(graph);
      ModelShapes.weights(model)
          .forEach((name, values) -> reference.write(graph.parameter(name), i -> values[i]));
      Map<String, int[]> inputs = Map.of(Pass.IDS, ids, LanguageModelGraphs.LABELS, labels);
      for (Value value : graph.values()) {
        if (value.region() == Region.IO) {
          int[] contents = inputs.get(value.name());
          reference.write(value, i -> contents[i]);
        }
      }
      ReferenceStep step = new ReferenceStep();
      step.lossScale = scale;
      step.update = false;
      reference.run(step);
      try (Executable program = link(engine, model, graph)) {
        inputs.forEach((name, values) -> write(program.input(name), values));
        program.step().lossScale(scale);
        program.step().update(false);
        program.run();
        assertThat(Math.abs(program.step().loss() - step.loss) / step.loss).isLessThan(1e-6);
        for (Parameter parameter : model.memory().layout().parameters()) {
          Value gradient = graph.gradient(graph.parameter(parameter.name()));
          double[] expected = new double[(int) parameter.shape().elements()];
          Arrays.setAll(expected, reference.tensor(gradient)::get);
          double[] ours =
              ModelShapes.doubles(model.memory().segment(Region.GRADIENTS, parameter.name()));
          assertThat(ModelShapes.error(ours, expected)).as(parameter.name()).isLessThan(NEAR);
        }
      }
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("shapesOnEngines")
  void theCacheChangesNothing(String shape, TestEngines.Kind kind) {
    try (Engine engine = kind.open();
        Model model = ModelShapes.create(engine, shape)) {
      int vocabulary = model.config().vocabularySize();
      int last = LENGTHS[LENGTHS.length - 1];
      int[] ids = ModelShapes.ids(last, vocabulary);
      Graph graph = LanguageModelGraphs.logits(model.architecture(), 1, last);
      try (Executable program = link(engine, model, graph);
          Decoder decoder =
              new Decoder(engine.backend(), model.architecture(), model.memory(), 1, last)) {
        write(program.input(Pass.IDS), ids);
        program.run();
        double[] all = ModelShapes.doubles(program.output(LanguageModelGraphs.LOGITS));
        for (int length : LENGTHS) {
          decoder.truncate(0);
          MemorySegment logits = decoder.feed(Arrays.copyOf(ids, length));
          check(logits, all, length, "prompt of " + length);
          for (int next = length; next < Math.min(length + 2, last); next++) {
            check(decoder.feed(ids[next]), all, next + 1, next + " after a prompt of " + length);
          }
        }
      }
    }
  }

  private static void check(MemorySegment logits, double[] all, int length, String what) {
    double[] ours = ModelShapes.doubles(logits);
    int first = (length - 1) * ours.length;
    double[] expected = Arrays.copyOfRange(all, first, first + ours.length);
    assertThat(ModelShapes.error(ours, expected)).as(what).isLessThan(NEAR);
  }
}
