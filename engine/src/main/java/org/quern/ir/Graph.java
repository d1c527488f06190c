package org.quern.ir;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Operations in the order in which they run, and the values between them. Built once for a
 * signature (model, task, batch, time), differentiated by appending nodes, then planned. Not
 * thread-safe.
 */
public final class Graph {
  private final ParameterLayout layout;
  private final Precision weights;
  private final List<Node> nodes = new ArrayList<>();
  private final List<Value> values = new ArrayList<>();
  private final Map<String, Value> modelValues = new LinkedHashMap<>();
  private final Map<String, Value> named = new LinkedHashMap<>();
  private final Map<Integer, float[]> constants = new LinkedHashMap<>();
  private final Map<String, Value> outputs = new LinkedHashMap<>();
  private boolean onUpdate;
  private int streams;

  /** An empty graph over the parameters of a model. */
  public Graph(ParameterLayout layout) {
    this(layout, Precision.F32);
  }

  /**
   * An empty graph over the parameters of a model.
   *
   * @param weights what {@link #weight} gives; a graph that is differentiated needs F32
   */
  public Graph(ParameterLayout layout, Precision weights) {
    this.layout = layout;
    this.weights = weights;
  }

  /** The parameters that the graph may use. */
  public ParameterLayout layout() {
    return layout;
  }

  /** The nodes in the order in which they run. */
  public List<Node> nodes() {
    return Collections.unmodifiableList(nodes);
  }

  /** All values but views, by id. */
  public List<Value> values() {
    return Collections.unmodifiableList(values);
  }

  /** What the caller can read after a run, by name. */
  public Map<String, Value> outputs() {
    return Collections.unmodifiableMap(outputs);
  }

  /** The output of this name. */
  public Value output(String name) {
    Value output = outputs.get(name);
    if (output == null) {
      throw new GraphException("The graph has no output named " + name + ".");
    }
    return output;
  }

  /** The contents of a value in {@link Region#CONSTANTS}. */
  public float[] constant(Value value) {
    float[] contents = constants.get(value.id());
    if (contents == null) {
      throw new GraphException(value + " is not a constant of this graph.");
    }
    return contents.clone();
  }

  /** A parameter of the model. */
  public Value parameter(String name) {
    return modelValue(Region.PARAMETERS, name);
  }

  /** A matrix of the model for products: the parameter, or the parameter rounded to BF16. */
  public Value weight(String name) {
    return switch (weights) {
      case F32 -> parameter(name);
      case BF16 -> modelValue(Region.ROUNDED_PARAMETERS, name);
    };
  }

  /** The accumulator of a parameter's gradient. */
  public Value gradient(Value parameter) {
    if (parameter.region() != Region.PARAMETERS) {
      throw new GraphException(
          parameter + " is not a parameter; only parameters have an accumulated gradient.");
    }
    return modelValue(Region.GRADIENTS, parameter.name());
  }

  /** The part of a model's region that belongs to the parameter of this name. */
  public Value modelValue(Region region, String name) {
    if (!region.isModel()) {
      throw new GraphException(region + " is not a region of the model.");
    }
    return modelValues.computeIfAbsent(
        region + "/" + name,
        key ->
            register(
                name, region.dtype(), layout.parameter(name).shape(), region, layout.offset(name)));
  }

  /** A whole region of the model, gaps included: {@code [elements / 16, 16]}. */
  public Value modelRegion(Region region) {
    return modelValues.computeIfAbsent(
        region + "/",
        key ->
            register(
                region.name(),
                region.dtype(),
                Shape.of(Math.toIntExact(layout.elements() / 16), 16),
                region,
                0));
  }

  /** A tensor that the caller writes before a run. */
  public Value input(String name, DType dtype, Shape shape) {
    return named(name, dtype, shape, Region.IO);
  }

  /** A tensor of keys or values that outlives a run, F32. */
  public Value cache(String name, Shape shape) {
    return named(name, DType.F32, shape, Region.CACHE);
  }

  /** A table, F32; {@code contents} is not copied and must not change. */
  public Value constant(String name, Shape shape, float[] contents) {
    Value known = named.get(name);
    if (known != null && known.region() == Region.CONSTANTS && known.shape().equals(shape)) {
      return known;
    }
    if (contents.length != shape.elements()) {
      throw new GraphException(
          "The constant " + name + " does not have the size of " + shape + ".");
    }
    Value value = named(name, DType.F32, shape, Region.CONSTANTS);
    constants.put(value.id(), contents);
    return value;
  }

  /** Keeps {@code value} to the end of a run, so that the caller can read it under {@code name}. */
  public void output(String name, Value value) {
    if (outputs.putIfAbsent(name, value) != null) {
      throw new GraphException("The graph has two outputs named " + name + ".");
    }
  }

  /**
   * Memory between nodes that several of them fill, each a {@link Value#slice} of it. Part of it
   * may not be read before it is written.
   */
  public Value activation(String name, DType dtype, Shape shape) {
    return register(name, dtype, shape, Region.ACTIVATIONS, 0);
  }

  /** Appends a node. */
  public Node append(Op op, List<Value> inputs) {
    return append(op, inputs, List.of());
  }

  /**
   * Appends a node that makes its outputs where they are wanted.
   *
   * @param into for each output a slice of an {@link #activation}, or {@link Value#NONE} for memory
   *     of its own, which those have that are left out
   */
  public Node append(Op op, List<Value> inputs, List<Value> into) {
    List<Op.Output> specifications = op.outputs(inputs);
    List<Value> made = new ArrayList<>(specifications.size());
    for (int index = 0; index < specifications.size(); index++) {
      Op.Output output = specifications.get(index);
      Value place = index < into.size() ? into.get(index) : Value.NONE;
      made.add(
          place.isNone()
              ? register(op.name(), output.dtype(), output.shape(), Region.ACTIVATIONS, 0)
              : checkPlace(op, output, place));
    }
    Node node = new Node(nodes.size(), op, inputs, made, onUpdate);
    nodes.add(node);
    return node;
  }

  private static Value checkPlace(Op op, Op.Output output, Value place) {
    if (place.region() != Region.ACTIVATIONS
        || place.dtype() != output.dtype()
        || !place.shape().equals(output.shape())) {
      throw new GraphException(
          op.name() + " makes " + output.dtype() + output.shape() + ", not " + place + ".");
    }
    return place;
  }

  /** Appends a node that makes one value. */
  public Value apply(Op op, Value... inputs) {
    return append(op, List.of(inputs)).output(0);
  }

  /** Appends the backward pass of {@code loss}. */
  public void differentiate(Value loss) {
    Adjoints.append(this, loss);
  }

  /** Makes the nodes appended from now on run only in steps that update the parameters. */
  public void beginUpdate() {
    onUpdate = true;
  }

  /** A number that no other source of randomness in this graph has. */
  public int nextStream() {
    return streams++;
  }

  private Value named(String name, DType dtype, Shape shape, Region region) {
    Value value = register(name, dtype, shape, region, 0);
    if (named.putIfAbsent(name, value) != null) {
      throw new GraphException("The graph has two tensors named " + name + ".");
    }
    return value;
  }

  private Value register(String name, DType dtype, Shape shape, Region region, long offset) {
    Value value = new Value(values.size(), name, dtype, shape, region, offset, null);
    values.add(value);
    return value;
  }
}
