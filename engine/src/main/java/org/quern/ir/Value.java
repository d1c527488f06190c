package org.quern.ir;

import org.jspecify.annotations.Nullable;

/**
 * A tensor in a graph. Created by a {@link Graph} alone. A view or slice shares the memory of its
 * {@link #root}; every other value is its own root.
 */
public final class Value {
  /** Stands for an operand that an operation does without. */
  public static final Value NONE =
      new Value(-1, "none", DType.F32, Shape.of(0), Region.CONSTANTS, 0, null);

  private final int id;
  private final String name;
  private final DType dtype;
  private final Shape shape;
  private final Region region;
  private final long offset;
  private final @Nullable Value base;

  Value(
      int id,
      String name,
      DType dtype,
      Shape shape,
      Region region,
      long offset,
      @Nullable Value base) {
    this.id = id;
    this.name = name;
    this.dtype = dtype;
    this.shape = shape;
    this.region = region;
    this.offset = offset;
    this.base = base;
  }

  /** The number of the value in its graph; a view or slice has its root's. */
  public int id() {
    return id;
  }

  /** The name of a parameter, input, output or cache; for activations, the operation's. */
  public String name() {
    return name;
  }

  /** The type of the elements. */
  public DType dtype() {
    return dtype;
  }

  /** The sizes. */
  public Shape shape() {
    return shape;
  }

  /** Where the value lives. */
  public Region region() {
    return region;
  }

  /**
   * Where the value starts, in elements: in a model's region, from its beginning; elsewhere from
   * that of its root, whose place the plan decides.
   */
  public long offset() {
    return offset;
  }

  /** The size in bytes. */
  public long bytes() {
    return shape.elements() * dtype.bytes();
  }

  /** The value whose memory this one is. */
  public Value root() {
    return base == null ? this : base;
  }

  /** Whether this is {@link #NONE}. */
  public boolean isNone() {
    return this == NONE;
  }

  /** The same elements with other sizes. */
  public Value view(int... dimensions) {
    return view(Shape.of(dimensions));
  }

  /** The same elements with other sizes. */
  public Value view(Shape other) {
    if (other.elements() != shape.elements()) {
      throw new GraphException(
          "The value " + this + " cannot be seen as " + other + ": the sizes differ.");
    }
    return other.equals(shape) ? this : new Value(id, name, dtype, other, region, offset, root());
  }

  /**
   * A part of this value that is contiguous. Gradients do not flow through it.
   *
   * @param first its first element, counted in this value
   * @param part its sizes
   */
  public Value slice(long first, Shape part) {
    if (first < 0 || first > shape.elements() - part.elements()) {
      throw new GraphException(
          "The value " + this + " has no part " + part + " from element " + first + " on.");
    }
    return first == 0 && part.elements() == shape.elements()
        ? view(part)
        : new Value(id, name, dtype, part, region, offset + first, root());
  }

  /** The same part, seen with the same sizes, of another value, which may be of another type. */
  Value in(Value root) {
    return shape.equals(root.shape) && offset == 0
        ? root
        : new Value(root.id, root.name, root.dtype, shape, region, offset, root);
  }

  @Override
  public String toString() {
    return name + shape;
  }
}
