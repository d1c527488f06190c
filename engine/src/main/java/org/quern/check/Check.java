package org.quern.check;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.quern.Engine;
import org.quern.Model;
import org.quern.exec.Executable;
import org.quern.exec.LinkedMemory;
import org.quern.format.FormatException;
import org.quern.format.ModelWeights;
import org.quern.format.SafetensorsFile;
import org.quern.format.SafetensorsWriter;
import org.quern.format.TensorComparison;
import org.quern.format.TensorEntry;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Parameter;
import org.quern.ir.Precision;
import org.quern.ir.Region;
import org.quern.ir.Shape;
import org.quern.ir.op.CrossEntropy;
import org.quern.model.LanguageModelGraphs;
import org.quern.model.Pass;
import org.quern.plan.Plan;

/**
 * Computes a reference case: outputs, loss, each parameter's gradient, and loss and parameters
 * after some steps of AdamW on the same batch; and compares them with known results where there are
 * any.
 */
public final class Check {
  private final Engine engine;
  private final ReferenceCase reference;
  private final List<SafetensorsWriter.Tensor> tensors = new ArrayList<>();
  private final Arena arena;

  private Check(Engine engine, ReferenceCase reference, Arena arena) {
    this.engine = engine;
    this.reference = reference;
    this.arena = arena;
  }

  /**
   * Computes a case and writes what was computed.
   *
   * @param folder the case
   * @param out the safetensors file to write
   * @return the comparison, if the folder has known results
   */
  public static Optional<TensorComparison> run(Engine engine, Path folder, Path out) {
    ReferenceCase reference = ReferenceCase.read(folder);
    try (Arena arena = Arena.ofShared()) {
      new Check(engine, reference, arena).compute(out);
    }
    if (!reference.hasExpected()) {
      return Optional.empty();
    }
    try (ModelWeights ours = SafetensorsFile.open(out);
        ModelWeights expected = SafetensorsFile.open(reference.expected())) {
      Precision precision = engine.backend().precision();
      return Optional.of(
          TensorComparison.compare(
              ours, expected, tensor -> reference.tolerance(tensor, precision)));
    }
  }

  private void compute(Path out) {
    try (Model model = engine.load(reference.folder());
        ModelWeights inputs = SafetensorsFile.open(reference.inputs())) {
      Shape shape = inputs.tensor("input_ids").shape();
      if (shape.rank() != 2) {
        throw new FormatException(
            reference.inputs() + ": input_ids is " + shape + " where [batch, time] is expected.");
      }
      int batch = shape.dimension(0);
      int time = shape.dimension(1);
      TensorEntry labels = inputs.tensor("labels");
      if (!labels.shape().equals(shape)) {
        throw new FormatException(
            reference.inputs()
                + ": labels is "
                + labels.shape()
                + ", but input_ids "
                + shape
                + ".");
      }
      computeLogits(model, inputs, batch, time);
      computeTraining(model, inputs, batch, time);
    }
    SafetensorsWriter.standard().writeFile(out, tensors);
  }

  private void computeLogits(Model model, ModelWeights inputs, int batch, int time) {
    Graph graph = LanguageModelGraphs.logits(model.architecture(), batch, time);
    try (Executable program = link(model, graph)) {
      inputs.copyToI32("input_ids", program.input(Pass.IDS));
      program.run();
      keep(
          "logits",
          graph.output(LanguageModelGraphs.LOGITS).shape(),
          program.output(LanguageModelGraphs.LOGITS));
    }
  }

  private void computeTraining(Model model, ModelWeights inputs, int batch, int time) {
    Graph graph =
        LanguageModelGraphs.training(
            model.architecture(),
            batch,
            time,
            reference.optimizer().keepingGradients(),
            engine.backend().precision());
    try (Executable program = link(model, graph)) {
      inputs.copyToI32("input_ids", program.input(Pass.IDS));
      MemorySegment labels = program.input(LanguageModelGraphs.LABELS);
      inputs.copyToI32("labels", labels);
      program.step().lossScale(1f / Math.max(1, counted(labels)));
      program.step().learningRate(reference.learningRate());
      program.step().update(false);
      program.run();
      keepLoss("loss", program);
      for (Parameter parameter : model.memory().layout().parameters()) {
        keep("grad.", parameter, model.memory().segment(Region.GRADIENTS, parameter.name()));
      }
      for (int step = 1; step <= reference.steps(); step++) {
        program.step().step(step);
        program.step().update(true);
        program.run();
        program.step().update(false);
        program.run();
        keepLoss("step" + step + ".loss", program);
      }
      for (Parameter parameter : model.memory().layout().parameters()) {
        keep("after.", parameter, model.memory().segment(Region.PARAMETERS, parameter.name()));
      }
    }
  }

  private Executable link(Model model, Graph graph) {
    return engine.backend().link(Plan.of(graph), LinkedMemory.of(model.memory()));
  }

  private static int counted(MemorySegment labels) {
    int count = 0;
    for (long offset = 0; offset < labels.byteSize(); offset += Integer.BYTES) {
      if (labels.get(JAVA_INT, offset) != CrossEntropy.IGNORED) {
        count++;
      }
    }
    return count;
  }

  private void keep(String prefix, Parameter parameter, MemorySegment data) {
    keep(prefix + parameter.name(), parameter.shape(), data);
  }

  private void keepLoss(String name, Executable program) {
    MemorySegment loss = arena.allocate(JAVA_FLOAT);
    loss.set(JAVA_FLOAT, 0, program.step().loss());
    tensors.add(new SafetensorsWriter.Tensor(name, DType.F32, Shape.of(1), loss));
  }

  private void keep(String name, Shape shape, MemorySegment data) {
    MemorySegment copy = arena.allocate(data.byteSize(), Float.BYTES);
    copy.copyFrom(data);
    tensors.add(new SafetensorsWriter.Tensor(name, DType.F32, shape, copy));
  }
}
