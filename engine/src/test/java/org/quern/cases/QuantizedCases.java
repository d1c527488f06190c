package org.quern.cases;

import java.util.ArrayList;
import java.util.List;
import org.quern.ir.Value;
import org.quern.ir.op.MatmulInt8;

/** Rows of MatmulInt8. */
final class QuantizedCases {
  /** M, N, K: as {@link MatmulCases}, with depths around the units of instructions and chunks. */
  private static final int[][] SIZES = {
    {1, 1, 1},
    {1, 17, 3},
    {1, 16, 64},
    {1, 131, 67},
    {2, 3, 4},
    {3, 7, 128},
    {4, 8, 33},
    {5, 15, 31},
    {6, 16, 65},
    {7, 17, 130},
    {8, 31, 96},
    {9, 32, 63},
    {14, 48, 515},
    {17, 49, 67},
    {37, 65, 1041},
    {67, 1, 35},
    {131, 97, 19},
  };

  private static final Fill WEIGHTS = Fill.integers(-128, 127);

  private QuantizedCases() {}

  static List<OperationCase> rows() {
    List<OperationCase> rows = new ArrayList<>();
    for (int[] size : SIZES) {
      int inner = size[2];
      rows.add(row("normal", Fill.normal(1), size, inner, size[0] % 2 == 0));
      rows.add(row("normal", Fill.normal(1), size, 32, size[0] % 2 == 1));
      if (inner != 96) {
        rows.add(row("normal", Fill.normal(1), size, 96, true));
      }
    }
    int[] size = {13, 47, 160};
    int[] few = {5, 47, 160};
    for (int[] either : List.of(size, few)) {
      rows.add(exact(either, 160));
      rows.add(exact(either, 64));
      rows.add(row("1e4", Fill.signs(1e4), either, 32, true));
      rows.add(row("denormals", Fill.denormals(), either, 32, true));
      rows.add(row("zeros", Fill.cycle(0), either, 160, true));
      // Of a row of x it reaches all of that row of out.
      rows.add(row("not a number", lone(Double.NaN), either, 64, false));
      rows.add(row("infinite", lone(Double.POSITIVE_INFINITY), either, 160, false));
    }
    rows.add(row("speed", Fill.normal(1), new int[] {1, 49152, 576}, 32, false).speed());
    rows.add(row("speed", Fill.normal(1), new int[] {512, 1536, 576}, 576, false).speed());
    return rows;
  }

  private static Fill lone(double number) {
    return (random, index) -> index == 170 ? (float) number : 1 + random.nextFloat();
  }

  /** Each group has a 127 and each scale is a power of two: all numbers are what they were. */
  private static OperationCase exact(int[] size, int group) {
    Fill integers =
        (random, index) -> index % 8 == 0 ? 127 : Fill.integers(-127, 127).next(random, index);
    return row("integers", integers, Fill.cycle(0.5, 2, 1), size, group, true).exact();
  }

  private static OperationCase row(String what, Fill fill, int[] size, int group, boolean bias) {
    return row(what, fill, Fill.uniform(0.001, 0.01), size, group, bias);
  }

  private static OperationCase row(
      String what, Fill fill, Fill scales, int[] size, int group, boolean bias) {
    int groups = (size[2] + group - 1) / group;
    OperationCase row =
        OperationCase.of(
                "MatmulInt8 %s M %d N %d K %d group %d%s"
                    .formatted(what, size[0], size[1], size[2], group, bias ? " with bias" : ""))
            .input("x", fill, size[0], size[2])
            .bytes("weight", WEIGHTS, size[1], size[2])
            .input("scales", scales, size[1], groups);
    if (bias) {
      row.parameter("bias", Fill.integers(-4, 4), size[1]);
    }
    return row.body((g, o) ->
        MatmulInt8.linear(
            g,
            o.get("x"),
            o.get("weight"),
            o.get("scales"),
            bias ? o.get("bias") : Value.NONE,
            group));
  }
}
