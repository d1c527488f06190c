package org.quern.cases;

import java.util.List;
import java.util.stream.Stream;

/** The table: each row drives the tests, the gradient checks and the measurements. */
public final class OperationCases {
  private OperationCases() {}

  /** All rows. */
  public static List<OperationCase> all() {
    return Stream.of(
            ElementwiseCases.rows(),
            NormCases.rows(),
            MatmulCases.rows(),
            QuantizedCases.rows(),
            AttentionCases.rows(),
            PositionCases.rows(),
            LossCases.rows(),
            OptimizerCases.rows())
        .flatMap(List::stream)
        .toList();
  }

  /** The rows that the reference can compute in reasonable time. */
  public static List<OperationCase> tests() {
    return all().stream().filter(row -> !row.isSpeed()).toList();
  }

  /** The rows to measure, of sizes as models have them. */
  public static List<OperationCase> speed() {
    return all().stream().filter(OperationCase::isSpeed).toList();
  }
}
