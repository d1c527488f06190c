package org.quern.reference;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntToDoubleFunction;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Node;
import org.quern.ir.Region;
import org.quern.ir.Shape;
import org.quern.ir.Value;
import org.quern.ir.op.Activation;
import org.quern.ir.op.AdamW;
import org.quern.ir.op.Add;
import org.quern.ir.op.Attention;
import org.quern.ir.op.CacheAppend;
import org.quern.ir.op.ColumnSum;
import org.quern.ir.op.CrossEntropy;
import org.quern.ir.op.Dropout;
import org.quern.ir.op.Embedding;
import org.quern.ir.op.GatedActivation;
import org.quern.ir.op.GradientNorm;
import org.quern.ir.op.LayerNorm;
import org.quern.ir.op.Matmul;
import org.quern.ir.op.MatmulInt8;
import org.quern.ir.op.RmsNorm;
import org.quern.ir.op.Rope;
import org.quern.ir.op.Round;
import org.quern.ir.op.Sgd;

/**
 * Runs a graph node after node in double precision. Every activation has memory of its own, filled
 * with NaN before its node runs, so that an element that is never assigned shows.
 */
public final class ReferenceInterpreter {
  private final Graph graph;
  private final boolean rounded;
  private final Map<Region, Tensor> modelRegions = new EnumMap<>(Region.class);
  private final Map<Integer, Tensor> tensors = new HashMap<>();

  /** An interpreter with memory of its own; parameters, inputs and caches start as zero. */
  public ReferenceInterpreter(Graph graph) {
    this(graph, false);
  }

  /**
   * An interpreter that may round to F32 whatever a node makes: the least that any F32 backend
   * does, and so a measure of the error to expect from one.
   */
  public ReferenceInterpreter(Graph graph, boolean rounded) {
    this.graph = graph;
    this.rounded = rounded;
    Shape all = Shape.of(Math.toIntExact(graph.layout().elements()));
    for (Region region : Region.values()) {
      if (region.isModel()) {
        modelRegions.put(region, allocate(all, 0));
      }
    }
  }

  /** The memory of a value; of an activation, what the last run left. */
  public Tensor tensor(Value value) {
    if (value.isNone()) {
      return Tensor.NONE;
    }
    if (value.region().isModel()) {
      Tensor region = modelRegion(value.region());
      return region.slice((int) value.offset(), value.shape());
    }
    Tensor known = tensors.get(value.id());
    if (known == null) {
      known = allocate(value.root().shape(), 0);
      if (value.region() == Region.CONSTANTS) {
        float[] contents = graph.constant(value.root());
        fill(known, index -> contents[index]);
      }
      tensors.put(value.id(), known);
    }
    return known.slice((int) value.offset(), value.shape());
  }

  /** Writes an element of a region of the model. */
  public void writeRegion(Region region, int index, double value) {
    modelRegion(region).write(index, value);
  }

  private Tensor modelRegion(Region region) {
    Tensor known = modelRegions.get(region);
    if (known == null) {
      throw new IllegalArgumentException(region + " is not a region of the model.");
    }
    return known;
  }

  /** Writes a parameter, input, cache or moment. */
  public void write(Value value, IntToDoubleFunction contents) {
    fill(tensor(value), contents);
  }

  /** Runs all nodes. */
  public void run(ReferenceStep step) {
    run(step, graph.nodes().size());
  }

  /** Runs the first {@code count} nodes. */
  public void run(ReferenceStep step, int count) {
    Set<Integer> made = new HashSet<>();
    step.nonfinite = false;
    for (Node node : graph.nodes().subList(0, count)) {
      if (node.onUpdate() && !step.update) {
        continue;
      }
      for (Value output : node.outputs()) {
        if (made.add(output.id())) {
          tensors.put(output.id(), allocate(output.root().shape(), Double.NaN));
        }
      }
      if (!step.accumulate) {
        node.assigned().forEach(index -> fill(tensor(node.input(index)), i -> 0));
      }
      run(node, new Operands(tensors(node.inputs()), tensors(node.outputs()), step));
      if (rounded) {
        round(node);
      }
    }
  }

  private void round(Node node) {
    tensors(node.outputs()).forEach(Tensor::round);
    for (int index = 0; index < node.inputs().size(); index++) {
      if (node.op().updates(index)) {
        tensor(node.input(index)).round();
      }
    }
  }

  private static void run(Node node, Operands operands) {
    switch (node.op()) {
      case Embedding _ -> EmbeddingReference.forward(operands);
      case Embedding.Backward _ -> EmbeddingReference.backward(operands);
      case LayerNorm op -> LayerNormReference.forward(op, operands);
      case LayerNorm.Backward _ -> LayerNormReference.backward(operands);
      case RmsNorm op -> RmsNormReference.forward(op, operands);
      case RmsNorm.Backward _ -> RmsNormReference.backward(operands);
      case Matmul op -> MatmulReference.forward(op, operands);
      case Matmul.InputGradient op -> MatmulReference.inputGradient(op, operands);
      case Matmul.WeightGradient op -> MatmulReference.weightGradient(op, operands);
      case MatmulInt8 op -> MatmulInt8Reference.forward(op, operands);
      case ColumnSum _ -> ColumnSumReference.forward(operands);
      case Attention op -> AttentionReference.forward(op, operands);
      case Attention.Backward op -> AttentionReference.backward(op.forward(), operands);
      case Rope op -> RopeReference.forward(op, operands);
      case Activation op -> ActivationReference.forward(op.function(), operands);
      case Activation.Backward op -> ActivationReference.backward(op.function(), operands);
      case GatedActivation op -> GatedActivationReference.forward(op.function(), operands);
      case GatedActivation.Backward op ->
          GatedActivationReference.backward(op.function(), operands);
      case Add _ -> AddReference.forward(operands);
      case Dropout op -> DropoutReference.forward(op, operands);
      case Round _ -> RoundReference.forward(operands);
      case Round.Widen _ -> RoundReference.widen(operands);
      case CrossEntropy _ -> CrossEntropyReference.forward(operands);
      case CrossEntropy.Chunk op -> CrossEntropyReference.chunk(operands, op);
      case CrossEntropy.Sum _ -> CrossEntropyReference.sum(operands);
      case CrossEntropy.Backward _ -> CrossEntropyReference.backward(operands);
      case CrossEntropy.WithGradient _ -> CrossEntropyReference.withGradient(operands);
      case CacheAppend op ->
          CacheAppendReference.forward(op, node.input(0).dtype() == DType.BF16, operands);
      case GradientNorm _ -> GradientNormReference.forward(operands);
      case GradientNorm.SquareSum _ -> GradientNormReference.squareSum(operands);
      case AdamW op -> AdamWReference.forward(op, operands);
      case Sgd op -> SgdReference.forward(op, operands);
      default ->
          throw new IllegalArgumentException(
              "The reference has no " + node.op().name() + "; add it to this switch.");
    }
  }

  private List<Tensor> tensors(List<Value> values) {
    return values.stream().map(this::tensor).toList();
  }

  private static Tensor allocate(Shape shape, double value) {
    double[] values = new double[Math.toIntExact(shape.elements())];
    Arrays.fill(values, value);
    return new Tensor(values, new double[values.length], 0, shape);
  }

  private static void fill(Tensor tensor, IntToDoubleFunction contents) {
    for (int index = 0; index < tensor.size(); index++) {
      tensor.write(index, contents.applyAsDouble(index));
    }
  }
}
