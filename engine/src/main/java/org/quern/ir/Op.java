package org.quern.ir;

import java.util.List;

/**
 * An operation: its shape rule, cost, adjoint and the kernel call it becomes. Implementations are
 * records of its attributes, one file an operation, in {@code org.quern.ir.op}.
 */
public interface Op {
  /** A value that an operation will make. */
  record Output(DType dtype, Shape shape) {
    /** An F32 output. */
    public static Output f32(Shape shape) {
      return new Output(DType.F32, shape);
    }
  }

  /** How an operation can have an input that is kept in BF16. */
  enum Reading {
    /** Not at all: it needs what was computed. */
    EXACT,
    /** As F32 again, rounded. */
    ROUNDED,
    /** As BF16 itself, which it rounds to anyway. */
    BF16
  }

  /** The operation's name: that of its class, {@code LayerNorm} or {@code LayerNorm.Backward}. */
  default String name() {
    Class<?> type = getClass();
    Class<?> outer = type.getEnclosingClass();
    return (outer == null ? "" : outer.getSimpleName() + ".") + type.getSimpleName();
  }

  /**
   * Checks the inputs and gives what the operation makes of them.
   *
   * @throws GraphException if they do not fit: says which operand, its shape and what would fit
   */
  List<Output> outputs(List<Value> inputs);

  /** The kernel that does the work. */
  Kernel kernel();

  /** Writes the operands of the kernel call. */
  void lower(Node node, RecordWriter record);

  /** What the node asks of the machine. */
  Cost cost(Node node);

  /** Appends the nodes that carry the gradient of the outputs to the inputs. */
  default void adjoint(Node node, Adjoints adjoints) {
    throw new GraphException(name() + " has no gradient; it cannot stand in a graph to train.");
  }

  /** How input {@code index} may be had in a graph that computes in {@link Precision#BF16}. */
  default Reading reading(int index) {
    return Reading.EXACT;
  }

  /** Whether the operation writes input {@code index} as well as reading it. */
  default boolean updates(int index) {
    return false;
  }

  /**
   * Whether each element of the outputs depends on the same element of the inputs alone, and
   * nothing on its number. All have one size, and the first integer of the record is that size.
   */
  default boolean isElementwise() {
    return false;
  }

  /**
   * Whether each row of the outputs depends on the same row of the first input and on parameters
   * alone. The first integers of the record are the rows and their channels.
   */
  default boolean isRowwise() {
    return false;
  }

  /** Whether the kernel can have elementwise operations done on parts of its first output. */
  default boolean fusesElementwise() {
    return fusesRowwise();
  }

  /**
   * Whether these parts are whole rows, so that it can have operations on rows done on them, too.
   */
  default boolean fusesRowwise() {
    return false;
  }

  /** The inputs, by index, whose memory output {@code output} may take over. */
  default int[] inPlace(int output) {
    return new int[0];
  }
}
