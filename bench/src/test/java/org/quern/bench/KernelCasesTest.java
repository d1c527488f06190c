package org.quern.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.openjdk.jmh.util.ListStatistics;
import org.quern.ir.Cost;
import org.quern.ir.Graph;
import org.quern.ir.Kernel;
import org.quern.ir.Node;
import org.quern.ir.Precision;

/** What is timed: every kernel, each case one operation, told apart by its name. */
final class KernelCasesTest {
  static Stream<KernelCase> cases() {
    return KernelCases.all().stream();
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void everyKernelIsTimed(Precision precision) {
    Set<Kernel> timed = EnumSet.noneOf(Kernel.class);
    for (KernelCase next : KernelCases.all()) {
      for (Node node : next.graph(next.layout(), precision).nodes()) {
        timed.add(precision.kernel(node.op().kernel()));
      }
    }
    Set<Kernel> expected = EnumSet.noneOf(Kernel.class);
    Set<Kernel> substitutes = EnumSet.noneOf(Kernel.class);
    for (Kernel kernel : Kernel.values()) {
      expected.add(precision.kernel(kernel));
      if (Precision.BF16.kernel(kernel) != kernel) {
        substitutes.add(Precision.BF16.kernel(kernel));
      }
    }
    if (precision == Precision.F32) {
      expected.removeAll(substitutes);
    }
    assertThat(timed).as("kernels with a case in Gpt2Cases or LlamaCases").isEqualTo(expected);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void aCaseIsOneOperationWithACost(KernelCase next) {
    for (Precision precision : Precision.values()) {
      Graph graph = next.graph(next.layout(), precision);
      assertThat(graph.nodes()).hasSize(1);
      Cost cost = next.cost(precision);
      assertThat(cost.bytes()).isPositive();
      assertThat(cost.flops()).isNotNegative();
    }
    assertThat(KernelCases.named(next.name()).name()).isEqualTo(next.name());
  }

  @Test
  void namesTellCasesApart() {
    assertThat(cases().map(KernelCase::name)).doesNotHaveDuplicates();
    assertThatThrownBy(() -> KernelCases.named("Abacus")).hasMessageContaining("Abacus");
  }

  @Test
  void partsOfNamesSelectCases() {
    assertThat(KernelCases.matching(List.of())).hasSameSizeAs(KernelCases.all());
    assertThat(KernelCases.matching(List.of("abacus"))).isEmpty();
    assertThat(KernelCases.matching(List.of("adamw gpt-char", "RmsNorm.backward")))
        .extracting(KernelCase::name)
        .containsExactly(
            "AdamW gpt-char 128x512",
            "AdamW gpt-char 65x128",
            "RmsNorm.Backward llama-135m 512x576");
  }

  /** Written weights are read in the precision of products, a training's never. */
  @Test
  void aPartOfWritingReadsRoundedWeights() {
    KernelCase written = KernelCases.named("Matmul llama-135m 1x49152x576");
    assertThat(written.cost(Precision.BF16).bytes())
        .isEqualTo(2L * 49_152 * 576 + 4 * (49_152 + 576));
    assertThat(written.cost(Precision.F32).flops()).isEqualTo(2L * 49_152 * 576);
    KernelCase trained = KernelCases.named("Matmul gpt2-124m 256x3072x768");
    assertThat(trained.cost(Precision.BF16)).isEqualTo(trained.cost(Precision.F32));
  }

  @Test
  void aRowHasTheMedianOfTheIterations() {
    KernelCase found = KernelCases.named("Add gpt-char 768x128");
    ListStatistics times = new ListStatistics(new double[] {9, 2, 4});
    assertThat(Kernels.row(found, new Cost(7, 8), Optional.of(times)))
        .isEqualTo(
            "{\"operation\":\"Add\",\"model\":\"gpt-char\",\"shape\":\"768x128\",\"kernel\":\"ADD_F32\","
                + "\"flops\":7,\"bytes\":8,\"us\":4.00000,\"us_least\":2.00000,\"us_most\":9.00000}");
    assertThat(Kernels.row(found, new Cost(7, 8), Optional.empty()))
        .endsWith("\"flops\":7,\"bytes\":8}");
  }

  /** A benchmark's operands are such that the engine runs it. */
  @Test
  void aSmallCaseOfEachOperationRuns() {
    for (String name :
        List.of(
            "Embedding.Backward gpt-char 768x65x128",
            "CrossEntropy.WithGradient gpt-char 768x65",
            "AdamW gpt-char 128x512",
            "GradientNorm gpt-char 1",
            "Attention llama-135m 1x1x9x64 over 576",
            "CacheAppend llama-135m 1x1x192",
            "RmsNorm.Backward llama-135m 512x576",
            "MatmulInt8 llama-135m 8x192x576 groups of 32")) {
      KernelBenchmark benchmark = new KernelBenchmark();
      benchmark.operation = name;
      benchmark.open();
      try {
        benchmark.run();
        benchmark.run();
      } finally {
        benchmark.close();
      }
    }
  }
}
