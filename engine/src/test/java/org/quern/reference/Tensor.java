package org.quern.reference;

import org.quern.ir.Shape;

/**
 * A tensor of the reference: elements in double precision, whatever the graph's type, and beside
 * each the largest error that a backend may make computing it in F32 from the same operands, as a
 * multiple of the unit roundoff {@link #UNIT}.
 */
public final class Tensor {
  /** Stands for an operand that an operation does without. */
  public static final Tensor NONE = new Tensor(new double[0], new double[0], 0, Shape.of(0));

  /** The unit roundoff of F32. */
  public static final double UNIT = 0x1p-24;

  private final double[] values;
  private final double[] bounds;
  private final int offset;
  private final Shape shape;

  Tensor(double[] values, double[] bounds, int offset, Shape shape) {
    this.values = values;
    this.bounds = bounds;
    this.offset = offset;
    this.shape = shape;
  }

  /** Whether this is {@link #NONE}. */
  public boolean isNone() {
    return this == NONE;
  }

  /** The sizes. */
  public Shape shape() {
    return shape;
  }

  /** The number of elements. */
  public int size() {
    return (int) shape.elements();
  }

  /** The number of rows. */
  public int rows() {
    return shape.rows();
  }

  /** The length of a row. */
  public int last() {
    return shape.last();
  }

  /** The elements from {@code first} on, seen with other sizes. */
  Tensor slice(int first, Shape sizes) {
    return new Tensor(values, bounds, offset + first, sizes);
  }

  /** Element {@code index}, counted row by row. */
  public double get(int index) {
    return values[offset + index];
  }

  /** Element {@code index} of a tensor of integers. */
  public int integer(int index) {
    return (int) get(index);
  }

  /** The error allowed for element {@code index}, in multiples of {@link #UNIT}. */
  public double bound(int index) {
    return bounds[offset + index];
  }

  /** Assigns an element and the error allowed for it. */
  void set(int index, double value, double bound) {
    values[offset + index] = value;
    bounds[offset + index] = bound;
  }

  /** Rounds all elements to F32. */
  void round() {
    for (int index = 0; index < size(); index++) {
      values[offset + index] = (float) get(index);
    }
  }

  /** Writes a caller's element, which carries no error. */
  void write(int index, double value) {
    set(index, value, 0);
  }

  /**
   * Adds a sum of {@code terms} products to an element; {@code magnitude} is the sum of their
   * absolute values. However the sum is ordered, its error stays below {@code terms + 2} roundings
   * of the magnitude (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
   */
  void accumulate(int index, double sum, double magnitude, int terms) {
    double before = get(index);
    set(index, before + sum, (terms + 2) * (Math.abs(before) + magnitude));
  }
}
