package org.quern.cases;

import java.util.ArrayList;
import java.util.List;
import org.quern.ir.Value;
import org.quern.ir.op.ColumnSum;
import org.quern.ir.op.Matmul;

/** Rows of Matmul, its two gradients and ColumnSum. */
final class MatmulCases {
  /** M, N, K: ones, edges of lanes and register tiles, primes, a row, a column, beyond a block. */
  private static final int[][] SIZES = {
    {1, 1, 1},
    {1, 1, 67},
    {1, 17, 1},
    {1, 16, 16},
    {1, 131, 67},
    {1, 257, 300},
    {2, 3, 4},
    {3, 7, 8},
    {4, 8, 9},
    {5, 15, 7},
    {5, 16, 17},
    {6, 16, 32},
    {7, 17, 15},
    {8, 31, 16},
    {9, 32, 33},
    {12, 33, 5},
    {13, 47, 31},
    {14, 48, 13},
    {16, 16, 16},
    {17, 49, 67},
    {31, 64, 3},
    {37, 65, 41},
    {67, 1, 35},
    {67, 35, 1},
    {61, 127, 300},
    {131, 97, 19},
  };

  private MatmulCases() {}

  static List<OperationCase> rows() {
    List<OperationCase> rows = new ArrayList<>();
    for (int[] size : SIZES) {
      for (boolean transposed : new boolean[] {false, true}) {
        Fill integers = Fill.integers(-4, 4);
        rows.add(matmul("integers", integers, size, transposed, true).exact());
        rows.add(inputGradient("integers", integers, size, transposed).exact());
        rows.add(weightGradient("integers", integers, size, transposed).exact());
      }
      rows.add(matmul("normal", Fill.normal(1), size, size[0] % 2 == 0, size[1] % 2 == 0));
    }
    int[] size = {13, 47, 31};
    for (boolean transposed : new boolean[] {false, true}) {
      rows.add(inputGradient("normal", Fill.normal(1), size, transposed));
      rows.add(weightGradient("normal", Fill.normal(1), size, transposed));
      rows.add(matmul("1e4", Fill.signs(1e4), size, transposed, true));
      rows.add(matmul("denormals", Fill.denormals(), size, transposed, true));
      rows.add(
          matmul("small", Fill.normal(1), new int[] {3, 5, 4}, transposed, true).differentiable());
      // One row of x and one column of the weight carry it into one row and one column of out.
      rows.add(matmul("not a number", lone(Double.NaN, 40), size, transposed, false));
      rows.add(matmul("infinite", lone(Double.POSITIVE_INFINITY, 40), size, transposed, false));
    }
    for (int channels : new int[] {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 35, 67, 131}) {
      rows.add(columnSum("integers", Fill.integers(-4, 4), 1, channels).exact());
      rows.add(columnSum("integers", Fill.integers(-4, 4), 11, channels).exact());
    }
    rows.add(columnSum("normal", Fill.normal(1), 37, 67));
    rows.add(columnSum("1e4", Fill.signs(1e4), 37, 67));
    rows.add(matmul("speed", Fill.normal(1), new int[] {1024, 3072, 768}, false, true).speed());
    rows.add(matmul("speed", Fill.normal(1), new int[] {1024, 768, 3072}, false, true).speed());
    rows.add(matmul("speed", Fill.normal(1), new int[] {1, 50257, 768}, true, false).speed());
    rows.add(matmul("speed", Fill.normal(1), new int[] {256, 50257, 768}, true, false).speed());
    return rows;
  }

  private static Fill lone(double number, int place) {
    return (random, index) -> index == place ? (float) number : 1 + random.nextFloat();
  }

  private static String name(String op, String what, int[] size, boolean transposed) {
    return "%s %s%s M %d N %d K %d"
        .formatted(op, what, transposed ? " transposed" : "", size[0], size[1], size[2]);
  }

  private static int[] weight(int[] size, boolean transposed) {
    return transposed ? new int[] {size[1], size[2]} : new int[] {size[2], size[1]};
  }

  private static OperationCase matmul(
      String what, Fill fill, int[] size, boolean transposed, boolean bias) {
    OperationCase row =
        OperationCase.of(name("Matmul", what, size, transposed))
            .input("x", fill, size[0], size[2])
            .parameter("weight", fill, weight(size, transposed));
    if (bias) {
      row.parameter("bias", fill, size[1]);
    }
    return row.body((g, o) ->
        g.apply(
            new Matmul(transposed),
            o.get("x"),
            o.get("weight"),
            bias ? o.get("bias") : Value.NONE));
  }

  private static OperationCase inputGradient(
      String what, Fill fill, int[] size, boolean transposed) {
    return OperationCase.of(name("Matmul.InputGradient", what, size, transposed))
        .input("dout", fill, size[0], size[1])
        .parameter("weight", fill, weight(size, transposed))
        .body((g, o) ->
            g.apply(new Matmul.InputGradient(transposed), o.get("dout"), o.get("weight")));
  }

  private static OperationCase weightGradient(
      String what, Fill fill, int[] size, boolean transposed) {
    return OperationCase.of(name("Matmul.WeightGradient", what, size, transposed))
        .input("dout", fill, size[0], size[1])
        .input("x", fill, size[0], size[2])
        .parameter("weight", fill, weight(size, transposed))
        .gradients(fill)
        .body((g, o) -> {
          Value accumulator = g.gradient(o.get("weight"));
          g.append(
              new Matmul.WeightGradient(transposed),
              List.of(o.get("dout"), o.get("x"), accumulator));
          return Value.NONE;
        });
  }

  private static OperationCase columnSum(String what, Fill fill, int rows, int channels) {
    return OperationCase.of("ColumnSum " + what + " [" + rows + ", " + channels + "]")
        .input("dout", fill, rows, channels)
        .parameter("bias", fill, channels)
        .gradients(fill)
        .body((g, o) -> {
          g.append(new ColumnSum(), List.of(o.get("dout"), g.gradient(o.get("bias"))));
          return Value.NONE;
        });
  }
}
