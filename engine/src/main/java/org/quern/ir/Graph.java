package org.quern.ir;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/**
 * Operations in the order in which they run, and the values between them. Built once for a
 * signature (model, task, batch, time), differentiated by appending nodes, then planned. Not
 * thread-safe.
 */
public final class Graph {
  /** Nodes from {@code first} to one before {@code end}. */
  record Range(int first, int end) {}

  private final ParameterLayout layout;
  private final WeightForm weights;
  private final List<Node> nodes = new ArrayList<>();
  private final List<Value> values = new ArrayList<>();
  private final Map<String, Value> modelValues = new LinkedHashMap<>();
  private final Map<String, Value> named = new LinkedHashMap<>();
  private final Map<Integer, float[]> constants = new LinkedHashMap<>();
  private final Map<String, Value> outputs = new LinkedHashMap<>();
  private final Set<Integer> written = new HashSet<>();
  private final List<Range> blocks = new ArrayList<>();
  private int forward;
  private boolean folded;
  private boolean onUpdate;
  private int streams;

  /** An empty graph over the parameters of a model. */
  public Graph(ParameterLayout layout) {
    this(layout, WeightForm.F32);
  }

  /**
   * An empty graph over the parameters of a model.
   *
   * @param weights what {@link #weight} and {@link #table} give; a graph that is differentiated
   *     needs F32
   */
  public Graph(ParameterLayout layout, WeightForm weights) {
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

  /**
   * A matrix of the model for products: the parameter, or the parameter rounded to BF16, which is
   * {@code [out, in]} even where the parameter is not: products of few rows read it in long
   * streams.
   */
  public Value weight(String name) {
    return switch (weights) {
      case F32 -> parameter(name);
      case ROUNDED, BF16 -> modelValue(Region.ROUNDED_PARAMETERS, name);
    };
  }

  /** A matrix of the model of which rows are looked up. */
  public Value table(String name) {
    return weights == WeightForm.BF16 ? weight(name) : parameter(name);
  }

  /**
   * Makes gradients of parameters activations: each has memory from the first node that contributes
   * to it to the last that reads it, rather than to the end of the run in {@link Region#GRADIENTS}.
   * To be called before the first of them is asked for.
   */
  public void foldGradients() {
    folded = true;
  }

  /** What nodes add the gradient of a parameter to; the first of them assigns it. */
  public Value gradient(Value parameter) {
    if (parameter.region() != Region.PARAMETERS) {
      throw new GraphException(
          parameter + " is not a parameter; only parameters have an accumulated gradient.");
    }
    return folded
        ? modelValues.computeIfAbsent(
            "gradient/" + parameter.name(),
            key -> activation("gradient of " + parameter.name(), DType.F32, parameter.shape()))
        : modelValue(Region.GRADIENTS, parameter.name());
  }

  /** Whether a node contributes to the gradient of a parameter. */
  boolean hasGradient(Value parameter) {
    return written.contains(gradient(parameter).id());
  }

  /** The part of a model's region that belongs to the parameter of this name. */
  public Value modelValue(Region region, String name) {
    if (!region.isModel()) {
      throw new GraphException(region + " is not a region of the model.");
    }
    return modelValues.computeIfAbsent(
        region + "/" + name,
        key -> {
          Parameter parameter = layout.parameter(name);
          Shape shape =
              region == Region.ROUNDED_PARAMETERS ? parameter.roundedShape() : parameter.shape();
          return register(name, region.dtype(), shape, region, layout.offset(name));
        });
  }

  /** A tensor that the caller writes before a run. */
  public Value input(String name, DType dtype, Shape shape) {
    return named(name, dtype, shape, Region.IO);
  }

  /** A tensor of keys or values that outlives a run. */
  public Value cache(String name, DType dtype, Shape shape) {
    return named(name, dtype, shape, Region.CACHE);
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
    Node node = new Node(nodes.size(), op, inputs, made, onUpdate, assigned(op, inputs));
    made.forEach(output -> written.add(output.id()));
    nodes.add(node);
    return node;
  }

  /** Which of the inputs are gradients that no node before contributes to. */
  private Set<Integer> assigned(Op op, List<Value> inputs) {
    Set<Integer> assigned = new HashSet<>();
    for (int index = 0; index < inputs.size(); index++) {
      Value input = inputs.get(index);
      boolean gradient = input.region() == Region.GRADIENTS || input.region() == Region.ACTIVATIONS;
      if (!input.isNone() && gradient && op.updates(index) && written.add(input.id())) {
        assigned.add(index);
      }
    }
    return assigned;
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
    differentiate(loss, complete -> {});
  }

  /**
   * Appends the backward pass of {@code loss}.
   *
   * @param complete may append more nodes for a parameter, right after the last that contributes to
   *     its gradient or reads the parameter itself
   */
  public void differentiate(Value loss, Consumer<Parameter> complete) {
    forward = nodes.size();
    Adjoints.append(this, loss, complete);
  }

  /**
   * Appends a block, such as a layer of a Transformer: nodes that {@link #recomputeBlocks} may
   * repeat.
   *
   * @param append appends the nodes and gives what the rest of the graph reads of them
   */
  public Value block(Supplier<Value> append) {
    int first = nodes.size();
    Value made = append.get();
    blocks.add(new Range(first, nodes.size()));
    return made;
  }

  /**
   * Trades time for memory in a graph that has been differentiated: keeps of each block what the
   * next one reads, and makes the rest again where the backward pass needs it (activation
   * checkpointing, Chen et al. 2016). Values and gradients have the same bits.
   *
   * @return what is computed once more
   */
  public Cost recomputeBlocks() {
    if (forward == 0) {
      throw new GraphException("Only a graph that has been differentiated can recompute blocks.");
    }
    Cost before = cost();
    List<Node> rewritten = Recomputation.apply(this, forward, blocks);
    nodes.clear();
    nodes.addAll(rewritten);
    Cost after = cost();
    return new Cost(after.flops() - before.flops(), after.bytes() - before.bytes());
  }

  /**
   * Keeps in BF16 what the backward pass reads of the forward pass, wherever its operations allow
   * that: for programs whose products are computed in {@link Precision#BF16}, in a graph that has
   * been differentiated. Blocks are recomputed after that, if at all.
   */
  public void keepRounded() {
    if (forward == 0) {
      throw new GraphException(
          "Only a graph that has been differentiated keeps something for its backward pass.");
    }
    RoundedActivations rewritten = RoundedActivations.of(this, forward);
    nodes.clear();
    nodes.addAll(rewritten.nodes());
    blocks.replaceAll(
        block -> new Range(rewritten.place(block.first()), rewritten.place(block.end())));
    forward = rewritten.place(forward);
  }

  /**
   * Keeps weights rounded to BF16 in {@link Region#BF16_PARAMETERS}, where products read them and
   * what updates them writes them: for programs whose products are computed in {@link
   * Precision#BF16}, in a graph to which the update has been appended. Results have the same bits.
   *
   * @param mostRows how many rows a product has at most that reads them so
   */
  public void keepRoundedWeights(int mostRows) {
    List<Node> rewritten = RoundedWeights.of(this, mostRows);
    nodes.clear();
    nodes.addAll(rewritten);
  }

  /** What all nodes together ask of the machine. */
  public Cost cost() {
    long flops = 0;
    long bytes = 0;
    for (Node node : nodes) {
      Cost cost = node.op().cost(node);
      flops += cost.flops();
      bytes += cost.bytes();
    }
    return new Cost(flops, bytes);
  }

  /**
   * A number that two graphs share only if they do the same operations on the same shapes, in the
   * same order. However they are planned, it is the same.
   */
  public long fingerprint() {
    CRC32C crc = new CRC32C();
    for (Node node : nodes) {
      StringBuilder text = new StringBuilder().append(node.op()).append(node.onUpdate());
      Stream.concat(node.inputs().stream(), node.outputs().stream())
          .forEach(value ->
              text.append(' ')
                  .append(value.id())
                  .append(value.dtype())
                  .append(value.region())
                  .append('+')
                  .append(value.offset())
                  .append(value.shape()));
      crc.update(text.toString().getBytes(StandardCharsets.UTF_8));
    }
    return crc.getValue() << 32 | nodes.size();
  }

  /** Makes the nodes appended from now on run only in steps that update the parameters. */
  public void beginUpdate() {
    onUpdate = true;
  }

  /** Makes the nodes that {@code append} appends run only in steps that update the parameters. */
  public void onUpdate(Runnable append) {
    boolean before = onUpdate;
    onUpdate = true;
    append.run();
    onUpdate = before;
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
