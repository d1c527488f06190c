package org.quern.cases;

import java.util.ArrayList;
import java.util.List;
import org.quern.ir.Graph;
import org.quern.ir.Value;
import org.quern.ir.op.Activation;
import org.quern.ir.op.ActivationFunction;
import org.quern.ir.op.Add;
import org.quern.ir.op.Dropout;
import org.quern.ir.op.GatedActivation;
import org.quern.ir.op.Round;

/** Rows of the operations that work element by element. */
final class ElementwiseCases {
  /** One, lanes - 1, lanes, lanes + 1, 4 lanes + 3 for 4, 8 and 16 lanes, and primes. */
  private static final int[] SIZES = {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 19, 35, 67, 131, 1021};

  private static final double[] EDGES = {
    0, -0.0, 1e-40, -1e-40, 1e-20, -1e-20, 1, -1, 4.9, -4.9, 9, -9, 20, -20, 80, -80, 88.8, -88.8,
    104, -104, 1e4, -1e4,
  };

  private ElementwiseCases() {}

  static List<OperationCase> rows() {
    List<OperationCase> rows = new ArrayList<>();
    for (int size : SIZES) {
      rows.add(add(size, "normal", Fill.normal(1)));
      rows.add(dropout(size, 0.1f));
    }
    rows.add(addScalars());
    rows.add(add(67, "integers", Fill.integers(-9, 9)).exact());
    rows.add(add(67, "denormals", Fill.denormals()).exact());
    rows.add(add(66, "1e4", Fill.uniform(-1e4, 1e4)));
    rows.add(add(24, "infinite", Fill.cycle(1, Double.POSITIVE_INFINITY, Double.NaN, -3, 0)));
    rows.add(add(4, "small", Fill.awayFromZero(0.1)).differentiable());
    rows.add(dropout(67, 0.5f).differentiable());
    rows.add(dropout(70, 0.9f));
    rows.add(dropoutTwice());
    for (ActivationFunction function : ActivationFunction.values()) {
      activation(function, rows);
    }
    for (int size : SIZES) {
      rows.add(round(size, "normal", Fill.normal(1)));
    }
    rows.add(round(67, "denormals", Fill.denormals()));
    rows.add(round(EDGES.length, "edges", Fill.cycle(EDGES)));
    rows.add(round(5, "ties", Fill.cycle(0x1.01p0, 0x1.03p0, -0x1.01p0, 0x1.010002p0, 0x1.02p0)));
    rows.add(
        round(
            19,
            "infinite",
            Fill.cycle(Double.NEGATIVE_INFINITY, Double.NaN, Float.MAX_VALUE, 0x1.fep127, -0.0)));
    rows.add(speed());
    return rows;
  }

  /** Scalars, which have no dimensions. */
  private static OperationCase addScalars() {
    return OperationCase.of("Add scalars")
        .input("a", Fill.normal(1))
        .input("b", Fill.normal(1))
        .body((g, o) -> Add.apply(g, o.get("a"), o.get("b")));
  }

  private static OperationCase add(int size, String what, Fill fill) {
    return OperationCase.of("Add " + what + " " + size)
        .input("a", fill, size)
        .input("b", fill, size)
        .body((g, o) -> Add.apply(g, o.get("a"), o.get("b")));
  }

  /** Both outputs, one alone, and what widening makes of them. */
  private static OperationCase round(int size, String what, Fill fill) {
    return OperationCase.of("Round " + what + " " + size)
        .input("x", fill, size)
        .exact()
        .body((g, o) -> {
          Value both = g.append(new Round(true), List.of(o.get("x"))).output(1);
          Value alone = g.apply(new Round(false), both);
          return g.apply(new Round.Widen(), alone);
        });
  }

  private static OperationCase speed() {
    return OperationCase.of("Add speed")
        .input("a", Fill.normal(1), 4, 256, 768)
        .input("b", Fill.normal(1), 4, 256, 768)
        .speed()
        .body((g, o) -> Add.apply(g, o.get("a"), o.get("b")));
  }

  private static OperationCase dropout(int size, float probability) {
    return OperationCase.of("Dropout " + probability + " " + size)
        .input("x", Fill.awayFromZero(0.1), size)
        .body((g, o) -> Dropout.apply(g, o.get("x"), probability));
  }

  /**
   * Two streams drop different elements; a sequence of more than 32 bits counts by its low half.
   */
  private static OperationCase dropoutTwice() {
    return OperationCase.of("Dropout twice")
        .input("x", Fill.awayFromZero(0.1), 333)
        .step(step -> step.sequence = 0x1_0000_0007L)
        .step(step -> step.seed = -2)
        .body((g, o) -> {
          Dropout.apply(g, o.get("x"), 0.5f);
          return Dropout.apply(g, o.get("x"), 0.5f);
        });
  }

  private static void activation(ActivationFunction function, List<OperationCase> rows) {
    for (int size : SIZES) {
      rows.add(plain(function, size, "normal", Fill.normal(2)));
      rows.add(plainBackward(function, size, Fill.normal(2)));
      rows.add(gated(function, size, "normal", Fill.normal(2)));
      rows.add(gatedBackward(function, size, Fill.normal(2)));
    }
    rows.add(plain(function, EDGES.length, "edges", Fill.cycle(EDGES)));
    rows.add(plainBackward(function, EDGES.length, Fill.cycle(EDGES)));
    rows.add(gated(function, EDGES.length, "edges", Fill.cycle(EDGES)));
    rows.add(gatedBackward(function, EDGES.length, Fill.cycle(EDGES)));
    rows.add(plain(function, 1021, "wide", Fill.uniform(-12, 12)));
    rows.add(plain(function, 67, "denormals", Fill.denormals()));
    rows.add(
        plain(
            function,
            35,
            "infinite",
            Fill.cycle(1, Double.POSITIVE_INFINITY, Double.NaN, -1, Float.MAX_VALUE)));
    rows.add(plain(function, 19, "small", Fill.awayFromZero(0.1)).differentiable());
    rows.add(gated(function, 19, "small", Fill.awayFromZero(0.1)).differentiable());
  }

  private static OperationCase plain(
      ActivationFunction function, int size, String what, Fill fill) {
    return OperationCase.of("Activation " + function + " " + what + " " + size)
        .input("x", fill, size)
        .body((g, o) -> Activation.apply(g, o.get("x"), function));
  }

  private static OperationCase plainBackward(ActivationFunction function, int size, Fill fill) {
    return OperationCase.of("Activation.Backward " + function + " " + size)
        .input("dy", Fill.awayFromZero(0.1), size)
        .input("x", fill, size)
        .body((g, o) -> g.apply(new Activation.Backward(function), o.get("dy"), o.get("x")));
  }

  private static OperationCase gated(
      ActivationFunction function, int size, String what, Fill fill) {
    return OperationCase.of("GatedActivation " + function + " " + what + " " + size)
        .input("gate", fill, size)
        .input("up", Fill.awayFromZero(0.1), size)
        .body((g, o) -> GatedActivation.apply(g, o.get("gate"), o.get("up"), function));
  }

  private static OperationCase gatedBackward(ActivationFunction function, int size, Fill fill) {
    return OperationCase.of("GatedActivation.Backward " + function + " " + size)
        .input("dy", Fill.awayFromZero(0.1), size)
        .input("gate", fill, size)
        .input("up", Fill.awayFromZero(0.1), size)
        .body((g, o) -> gatedBackward(function, g, o));
  }

  private static Value gatedBackward(
      ActivationFunction function, Graph graph, OperationCase.Values o) {
    return graph.apply(
        new GatedActivation.Backward(function), o.get("dy"), o.get("gate"), o.get("up"));
  }
}
