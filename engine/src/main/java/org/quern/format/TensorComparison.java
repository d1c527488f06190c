package org.quern.format;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.ToDoubleFunction;

/**
 * Two sets of tensors compared by name, in double arithmetic. A tensor's error is ‖ours −
 * expected‖₂ / ‖expected‖₂ over all its elements; where ‖expected‖₂ is below {@value #LEAST_NORM},
 * ‖ours − expected‖₂ counts instead, against {@value #ABSOLUTE_TOLERANCE}.
 *
 * @param results one for each name that either side has, sorted by name
 */
public record TensorComparison(List<Result> results) {
  /** The norm of an expected tensor below which its relative error means nothing. */
  public static final double LEAST_NORM = 1e-7;

  /** What the absolute error of such a tensor may be. */
  public static final double ABSOLUTE_TOLERANCE = 1e-6;

  /** How a comparison of one tensor went. */
  public enum Status {
    /** Both are there and of one shape; the error counts. */
    COMPARED,
    /** Expected but not ours. */
    MISSING,
    /** Ours but not expected. */
    UNEXPECTED,
    /** The shapes differ. */
    SHAPE_MISMATCH
  }

  /**
   * The comparison of one tensor.
   *
   * @param error the error, or NaN where nothing could be compared
   * @param tolerance the largest error that passes
   * @param absolute whether the error is absolute because the expected norm is about zero
   * @param detail the shapes, where they differ; otherwise empty
   */
  public record Result(
      String name, Status status, double error, double tolerance, boolean absolute, String detail) {
    /** Whether the tensor was compared and is within the tolerance; NaN never is. */
    public boolean passed() {
      return status == Status.COMPARED && error <= tolerance;
    }
  }

  /** A copy of the list. */
  public TensorComparison {
    results = List.copyOf(results);
  }

  /** Compares all tensors with one tolerance. */
  public static TensorComparison compare(
      ModelWeights ours, ModelWeights expected, double tolerance) {
    return compare(ours, expected, _ -> tolerance);
  }

  /** Compares all tensors, each with the relative tolerance that its name gives. */
  public static TensorComparison compare(
      ModelWeights ours, ModelWeights expected, ToDoubleFunction<String> tolerance) {
    TreeSet<String> names = new TreeSet<>(ours.tensors().keySet());
    names.addAll(expected.tensors().keySet());
    List<Result> results = new ArrayList<>();
    for (String name : names) {
      results.add(compare(name, ours, expected, tolerance.applyAsDouble(name)));
    }
    return new TensorComparison(results);
  }

  /** Whether there was anything to compare and all of it passed. */
  public boolean passed() {
    return !results.isEmpty() && results.stream().allMatch(Result::passed);
  }

  /** The results that did not pass. */
  public List<Result> failures() {
    return results.stream().filter(result -> !result.passed()).toList();
  }

  /**
   * The compared tensor whose error is the largest part of its tolerance; NaN counts as largest.
   */
  public Optional<Result> worst() {
    return results.stream()
        .filter(result -> result.status() == Status.COMPARED)
        .max(Comparator.comparingDouble(result -> result.error() / result.tolerance()));
  }

  private static Result compare(
      String name, ModelWeights ours, ModelWeights expected, double tolerance) {
    TensorEntry mine = ours.tensors().get(name);
    TensorEntry theirs = expected.tensors().get(name);
    if (mine == null) {
      return new Result(name, Status.MISSING, Double.NaN, tolerance, false, "");
    }
    if (theirs == null) {
      return new Result(name, Status.UNEXPECTED, Double.NaN, tolerance, false, "");
    }
    if (!mine.shape().equals(theirs.shape())) {
      String shapes = "%s instead of %s".formatted(mine.shape(), theirs.shape());
      return new Result(name, Status.SHAPE_MISMATCH, Double.NaN, tolerance, false, shapes);
    }
    MemorySegment a = ours.segment(name);
    MemorySegment b = expected.segment(name);
    double difference = 0;
    double norm = 0;
    for (long i = 0; i < theirs.shape().elements(); i++) {
      double y = Conversions.element(theirs.dtype(), b, i);
      double d = Conversions.element(mine.dtype(), a, i) - y;
      difference += d * d;
      norm += y * y;
    }
    difference = Math.sqrt(difference);
    norm = Math.sqrt(norm);
    boolean absolute = norm < LEAST_NORM;
    return new Result(
        name,
        Status.COMPARED,
        absolute ? difference : difference / norm,
        absolute ? ABSOLUTE_TOLERANCE : tolerance,
        absolute,
        "");
  }
}
