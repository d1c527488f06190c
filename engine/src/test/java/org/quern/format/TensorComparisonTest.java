package org.quern.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.Assertions.within;
import static org.quern.format.RawSafetensors.floats;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.format.SafetensorsWriter.Tensor;
import org.quern.format.TensorComparison.Result;
import org.quern.format.TensorComparison.Status;
import org.quern.ir.DType;
import org.quern.ir.Shape;

class TensorComparisonTest {
  @TempDir Path folder;

  private TensorComparison compare(DType ours, List<Tensor> mine, List<Tensor> expected) {
    Path a = folder.resolve("ours.safetensors");
    Path b = folder.resolve("expected.safetensors");
    SafetensorsWriter.standard().withFloatType(ours).writeFile(a, mine);
    SafetensorsWriter.standard().writeFile(b, expected);
    try (ModelWeights left = ModelWeights.open(a);
        ModelWeights right = ModelWeights.open(b)) {
      return TensorComparison.compare(left, right, 0.01);
    }
  }

  private Result one(Tensor mine, Tensor expected) {
    return compare(DType.F32, List.of(mine), List.of(expected)).results().getFirst();
  }

  private static Tensor tensor(String name, float... values) {
    return Tensor.f32(name, Shape.of(values.length), floats(values));
  }

  @Test
  void theErrorIsRelativeToTheExpectedNorm() {
    Result result = one(tensor("a", 3, 4.5f), tensor("a", 3, 4));
    assertThat(result.error()).isCloseTo(0.1, within(1e-15));
    assertThat(result.absolute()).isFalse();
    assertThat(result.tolerance()).isEqualTo(0.01);
    assertThat(result.passed()).isFalse();
    assertThat(one(tensor("a", 3, 4.04f), tensor("a", 3, 4)).passed()).isTrue();
  }

  @Test
  void aboutZeroTheAbsoluteErrorCounts() {
    Result result = one(tensor("a", 5e-7f, 0), tensor("a", 9e-8f, 0));
    assertThat(result.absolute()).isTrue();
    assertThat(result.error()).isCloseTo(4.1e-7, within(1e-12));
    assertThat(result.tolerance()).isEqualTo(1e-6);
    assertThat(result.passed()).isTrue();
    assertThat(one(tensor("a", 2e-6f), tensor("a", 0)).passed()).isFalse();
    assertThat(one(tensor("a", 0, 0), tensor("a", 0, 0)).passed()).isTrue();
    assertThat(one(tensor("a", 3e-7f), tensor("a", 2e-7f)).absolute()).isFalse();
  }

  @Test
  void neitherNanNorInfinityPasses() {
    for (float odd : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      assertThat(one(tensor("a", odd), tensor("a", 1)).passed()).isFalse();
      assertThat(one(tensor("a", 1), tensor("a", odd)).passed()).isFalse();
      assertThat(one(tensor("a", odd), tensor("a", odd)).passed()).isFalse();
      assertThat(one(tensor("a", odd), tensor("a", 0)).passed()).isFalse();
    }
  }

  @Test
  void namesAndShapesMustAgree() {
    TensorComparison comparison =
        compare(
            DType.F32,
            List.of(tensor("same", 1), tensor("shape", 1, 2), tensor("ours", 1)),
            List.of(tensor("same", 1), tensor("shape", 1), tensor("theirs", 1)));
    assertThat(comparison.results())
        .extracting(Result::name, Result::status)
        .containsExactly(
            tuple("ours", Status.UNEXPECTED),
            tuple("same", Status.COMPARED),
            tuple("shape", Status.SHAPE_MISMATCH),
            tuple("theirs", Status.MISSING));
    assertThat(comparison.passed()).isFalse();
    assertThat(comparison.failures()).hasSize(3);
    assertThat(comparison.results().get(2).detail()).isEqualTo("[2] instead of [1]");
    assertThat(comparison.worst().orElseThrow().name()).isEqualTo("same");
  }

  @Test
  void nothingComparedIsNoPass() {
    assertThat(compare(DType.F32, List.of(), List.of()).passed()).isFalse();
  }

  @Test
  void typesMayDiffer() {
    TensorComparison comparison =
        compare(
            DType.BF16,
            List.of(tensor("a", 1.001f, 2), tensor("b", 1, 1)),
            List.of(tensor("a", 1.001f, 2), tensor("b", 1, 1)));
    assertThat(comparison.passed()).isTrue();
    assertThat(comparison.results().getFirst().error()).isBetween(1e-4, 1e-3);
    assertThat(comparison.worst().orElseThrow().name()).isEqualTo("a");
  }
}
