package org.quern.cases;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Value;
import org.quern.reference.ReferenceStep;

/** One row of the table: an operation with its attributes, its operands and what they hold. */
public final class OperationCase {
  /** Where an operand lives. */
  enum Kind {
    INPUT,
    PARAMETER,
    CACHE,
    CONSTANT
  }

  /** An operand. */
  record Operand(String name, Kind kind, DType dtype, int[] dimensions, Fill fill) {}

  /** The operands of a case in the graph that is being built, by name. */
  @FunctionalInterface
  public interface Values {
    /** The operand of this name. */
    Value get(String name);
  }

  /** Appends the nodes of a case. */
  @FunctionalInterface
  public interface Body {
    /** Appends the nodes and gives the value of interest, or none where the case only updates. */
    Value append(Graph graph, Values values);
  }

  private final String name;
  private final List<Operand> operands = new ArrayList<>();
  private final ReferenceStep step = new ReferenceStep();
  private Fill gradients = Fill.cycle(0);
  private Fill firstMoments = Fill.cycle(0);
  private Fill secondMoments = Fill.cycle(0);
  private boolean exact;
  private boolean differentiable;
  private boolean speed;
  private Body body = (graph, values) -> Value.NONE;

  private OperationCase(String name) {
    this.name = name;
    step.step = 3;
    step.sequence = 5;
    step.seed = 0x0123456789ABCDEFL;
    step.learningRate = 0.01f;
    step.lossScale = 0.25f;
    step.accumulate = true;
  }

  /** A row; the name tells operation, attributes and shapes. */
  public static OperationCase of(String name) {
    return new OperationCase(name);
  }

  /** An F32 tensor that the caller writes, or that another operation makes. */
  public OperationCase input(String operand, Fill fill, int... dimensions) {
    return operand(operand, Kind.INPUT, DType.F32, fill, dimensions);
  }

  /** Ids, labels or positions. */
  public OperationCase integers(String operand, Fill fill, int... dimensions) {
    return operand(operand, Kind.INPUT, DType.I32, fill, dimensions);
  }

  /** Weights of 8 bits. */
  public OperationCase bytes(String operand, Fill fill, int... dimensions) {
    return operand(operand, Kind.INPUT, DType.I8, fill, dimensions);
  }

  /** A weight. */
  public OperationCase parameter(String operand, Fill fill, int... dimensions) {
    return operand(operand, Kind.PARAMETER, DType.F32, fill, dimensions);
  }

  /** A tensor of keys or values that outlives a run. */
  public OperationCase cache(String operand, DType dtype, Fill fill, int... dimensions) {
    Fill held = dtype == DType.BF16 ? fill.inBf16() : fill;
    return operand(operand, Kind.CACHE, dtype, held, dimensions);
  }

  /** A table. */
  public OperationCase constant(String operand, Fill fill, int... dimensions) {
    return operand(operand, Kind.CONSTANT, DType.F32, fill, dimensions);
  }

  /** What the accumulators of the gradients hold before the run. */
  public OperationCase gradients(Fill fill) {
    gradients = fill;
    return this;
  }

  /** What the optimizer's moments hold before the run. */
  public OperationCase moments(Fill first, Fill second) {
    firstMoments = first;
    secondMoments = second;
    return this;
  }

  /** Changes the step. */
  public OperationCase step(Consumer<ReferenceStep> change) {
    change.accept(step);
    return this;
  }

  /** Integers go in, so that every backend must give the reference's bits. */
  public OperationCase exact() {
    exact = true;
    return this;
  }

  /** The gradient of the value of interest is checked against finite differences as well. */
  public OperationCase differentiable() {
    differentiable = true;
    return this;
  }

  /** Of a size as models have it, for measuring only: too large for the reference. */
  public OperationCase speed() {
    speed = true;
    return this;
  }

  /** The nodes. */
  public OperationCase body(Body nodes) {
    body = nodes;
    return this;
  }

  private OperationCase operand(
      String operand, Kind kind, DType dtype, Fill fill, int... dimensions) {
    operands.add(new Operand(operand, kind, dtype, dimensions, fill));
    return this;
  }

  /** Whether backends must give the reference's bits. */
  public boolean isExact() {
    return exact;
  }

  /** Whether the case has a gradient to check. */
  public boolean isDifferentiable() {
    return differentiable;
  }

  /** Whether the case is for measuring only. */
  public boolean isSpeed() {
    return speed;
  }

  /** The step that the case runs in. */
  public ReferenceStep step() {
    return step.copy();
  }

  List<Operand> operands() {
    return operands;
  }

  Fill gradients() {
    return gradients;
  }

  Fill firstMoments() {
    return firstMoments;
  }

  Fill secondMoments() {
    return secondMoments;
  }

  Body body() {
    return body;
  }

  @Override
  public String toString() {
    return name;
  }
}
