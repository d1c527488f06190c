package org.quern.cases;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.cases.OperationCase.Kind;
import org.quern.cases.OperationCase.Operand;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Initializer;
import org.quern.ir.Node;
import org.quern.ir.Parameter;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Region;
import org.quern.ir.Shape;
import org.quern.ir.Value;
import org.quern.ir.op.Embedding;
import org.quern.reference.ReferenceInterpreter;
import org.quern.reference.ReferenceStep;

/** The graph of a case, what goes into it and what is to be compared after a run. */
public final class CaseGraph {
  private static final String ROWS = ".rows";

  private final OperationCase row;
  private final Graph graph;
  private final Value result;
  private final Map<String, float[]> contents = new LinkedHashMap<>();
  private final Map<String, Value> values = new HashMap<>();

  private CaseGraph(OperationCase row, boolean inputsAreParameters) {
    this.row = row;
    List<Parameter> parameters = new ArrayList<>();
    for (Operand operand : row.operands()) {
      Shape shape = Shape.of(operand.dimensions());
      contents.put(
          operand.name(),
          operand.fill().values((int) shape.elements(), operand.name().hashCode() + 17L));
      if (operand.kind() == Kind.PARAMETER) {
        parameters.add(new Parameter(operand.name(), shape, new Initializer.Zeros()));
      } else if (gathered(operand, inputsAreParameters)) {
        Shape matrix = Shape.of(shape.rows(), shape.last());
        parameters.add(new Parameter(operand.name(), matrix, new Initializer.Zeros()));
      }
    }
    graph = new Graph(new ParameterLayout(parameters));
    for (Operand operand : row.operands()) {
      values.put(operand.name(), value(operand, inputsAreParameters));
    }
    result =
        row.body()
            .append(
                graph,
                name -> {
                  Value value = values.get(name);
                  if (value == null) {
                    throw new IllegalArgumentException(row + " has no operand " + name);
                  }
                  return value;
                });
  }

  /** The graph as the case says, with all that nodes make kept as outputs. */
  public static CaseGraph of(OperationCase row) {
    return withOutputs(new CaseGraph(row, false));
  }

  /** The same, but each F32 input comes from a node, so that it lies among the activations. */
  static CaseGraph ofActivations(OperationCase row) {
    return withOutputs(new CaseGraph(row, true));
  }

  private static CaseGraph withOutputs(CaseGraph made) {
    for (Node node : made.graph.nodes()) {
      boolean runs = made.row.step().update || !node.onUpdate();
      for (int index = 0; runs && index < node.outputs().size(); index++) {
        made.graph.output(node + " output " + index, node.output(index));
      }
    }
    return made;
  }

  /** The graph as the case says; it names its outputs itself. */
  static CaseGraph ofBody(OperationCase row) {
    return new CaseGraph(row, false);
  }

  /**
   * The graph with each F32 input gathered from the rows of a parameter, so that its gradient
   * arrives in an accumulator.
   */
  static CaseGraph ofParameters(OperationCase row) {
    return new CaseGraph(row, true);
  }

  private static boolean gathered(Operand operand, boolean inputsAreParameters) {
    return inputsAreParameters && operand.kind() == Kind.INPUT && operand.dtype() == DType.F32;
  }

  private Value value(Operand operand, boolean inputsAreParameters) {
    Shape shape = Shape.of(operand.dimensions());
    if (gathered(operand, inputsAreParameters)) {
      String rows = operand.name() + ROWS;
      contents.put(rows, Fill.cycle(0).values(shape.rows(), 0));
      for (int index = 0; index < shape.rows(); index++) {
        contents.get(rows)[index] = index;
      }
      Value ids = graph.input(rows, DType.I32, Shape.of(1, shape.rows()));
      values.put(rows, ids);
      Value table = graph.parameter(operand.name());
      return Embedding.apply(graph, ids, table, Value.NONE, Value.NONE).view(shape);
    }
    float[] numbers = contents.get(operand.name());
    return switch (operand.kind()) {
      case INPUT -> graph.input(operand.name(), operand.dtype(), shape);
      case PARAMETER -> graph.parameter(operand.name());
      case CACHE -> graph.cache(operand.name(), operand.dtype(), shape);
      case CONSTANT -> graph.constant(operand.name(), shape, numbers);
    };
  }

  /** The row that this is the graph of. */
  public OperationCase row() {
    return row;
  }

  /** The graph. */
  public Graph graph() {
    return graph;
  }

  /** The value of interest, or none. */
  Value result() {
    return result;
  }

  /** What the caller writes into the operand of this name. */
  public float[] contents(String operand) {
    return contents.get(operand);
  }

  /** What the caller writes before a run, by name: inputs and caches. */
  public List<Value> written() {
    return graph.values().stream()
        .filter(value -> value.region() == Region.IO || value.region() == Region.CACHE)
        .toList();
  }

  /** What a region of the model holds before a run, gaps being zero. */
  public float[] region(Region region) {
    ParameterLayout layout = graph.layout();
    float[] all = new float[(int) layout.elements()];
    for (Parameter parameter : layout.parameters()) {
      int count = (int) parameter.shape().elements();
      float[] numbers =
          switch (region) {
            case PARAMETERS -> contents.get(parameter.name());
            case GRADIENTS -> row.gradients().values(count, 31);
            case FIRST_MOMENTS -> row.firstMoments().values(count, 37);
            case SECOND_MOMENTS -> row.secondMoments().values(count, 41);
            default -> throw new IllegalArgumentException(region + " is not the model's");
          };
      System.arraycopy(numbers, 0, all, (int) layout.offset(parameter.name()), count);
    }
    return all;
  }

  /** What to compare after a run: the outputs, and the operands that nodes update. */
  public Map<String, Value> results() {
    Map<String, Value> results = new LinkedHashMap<>(graph.outputs());
    for (Node node : graph.nodes()) {
      for (int index = 0; index < node.inputs().size(); index++) {
        Value input = node.input(index);
        // The memory of a folded gradient is reused.
        if (node.op().updates(index) && !input.isNone() && input.region() != Region.ACTIVATIONS) {
          results.put(input.region() + " of " + input.name(), input);
        }
      }
    }
    return results;
  }

  /** An interpreter with everything written that the case starts from; {@code rounded} to F32. */
  ReferenceInterpreter interpreter(boolean rounded) {
    ReferenceInterpreter interpreter = new ReferenceInterpreter(graph, rounded);
    for (Value value : written()) {
      float[] numbers = contents(value.name());
      interpreter.write(value, index -> numbers[index]);
    }
    for (Region region : Region.values()) {
      if (region.isModel() && region.dtype() == DType.F32) {
        float[] numbers = region(region);
        for (int index = 0; index < numbers.length; index++) {
          interpreter.writeRegion(region, index, numbers[index]);
        }
      }
    }
    return interpreter;
  }

  /** What the reference makes of the case. */
  public ReferenceInterpreter reference(ReferenceStep step) {
    ReferenceInterpreter interpreter = interpreter(false);
    interpreter.run(step);
    return interpreter;
  }
}
