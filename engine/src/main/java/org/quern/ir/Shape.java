package org.quern.ir;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The sizes of a tensor, outermost first; row-major and contiguous. A scalar has no dimensions.
 * Immutable.
 */
public final class Shape {
  private final int[] dimensions;
  private final long elements;

  private Shape(int[] dimensions) {
    long product = 1;
    for (int dimension : dimensions) {
      if (dimension < 0) {
        throw new GraphException(
            "The shape " + Arrays.toString(dimensions) + " has a negative size.");
      }
      product = Math.multiplyExact(product, (long) dimension);
    }
    this.dimensions = dimensions;
    this.elements = product;
  }

  /** The shape with these sizes, outermost first. */
  public static Shape of(int... dimensions) {
    return new Shape(dimensions.clone());
  }

  /** The number of dimensions. */
  public int rank() {
    return dimensions.length;
  }

  /** The size of dimension {@code index}; a negative index counts from the end. */
  public int dimension(int index) {
    return dimensions[index < 0 ? index + dimensions.length : index];
  }

  /** The size of the innermost dimension: the length of a row. That of a scalar is 1. */
  public int last() {
    return rank() == 0 ? 1 : dimension(-1);
  }

  /** The number of rows: the product of all sizes but the innermost. */
  public int rows() {
    return Math.toIntExact(elements == 0 ? 0 : elements / last());
  }

  /** The number of elements. */
  public long elements() {
    return elements;
  }

  /** A copy of the sizes, outermost first. */
  public int[] toArray() {
    return dimensions.clone();
  }

  /** This shape with the innermost size replaced. */
  public Shape withLast(int size) {
    int[] changed = dimensions.clone();
    changed[changed.length - 1] = size;
    return new Shape(changed);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Shape shape && Arrays.equals(dimensions, shape.dimensions);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(dimensions);
  }

  /** The sizes in brackets, as in {@code [4, 64, 768]}. */
  @Override
  public String toString() {
    return Arrays.stream(dimensions)
        .mapToObj(Integer::toString)
        .collect(Collectors.joining(", ", "[", "]"));
  }
}
