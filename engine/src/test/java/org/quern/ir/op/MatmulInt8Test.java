package org.quern.ir.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.GraphException;
import org.quern.ir.Initializer;
import org.quern.ir.Parameter;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Shape;
import org.quern.ir.Value;

/** What operands fit, and what is said of those that do not. */
class MatmulInt8Test {
  private final Graph graph =
      new Graph(
          new ParameterLayout(
              List.of(new Parameter("x", Shape.of(1, 67), new Initializer.Zeros()))));

  private Value of(String name, DType dtype, int... sizes) {
    return graph.input(name, dtype, Shape.of(sizes));
  }

  @Test
  void makesRowsOfColumns() {
    Value x = of("inputs", DType.F32, 2, 3, 67);
    Value weight = of("weight", DType.I8, 5, 67);
    Value out = MatmulInt8.linear(graph, x, weight, of("s", DType.F32, 5, 3), Value.NONE, 32);
    assertThat(out.shape()).isEqualTo(Shape.of(2, 3, 5));
    assertThat(weight.bytes()).isEqualTo(5 * 67);
    Value whole = MatmulInt8.linear(graph, x, weight, of("t", DType.F32, 5), Value.NONE, 67);
    assertThat(whole.shape()).isEqualTo(Shape.of(2, 3, 5));
  }

  @Test
  void whatDoesNotFitIsRefused() {
    Value x = graph.parameter("x");
    Value weight = of("weight", DType.I8, 5, 67);
    Value scales = of("scales", DType.F32, 5, 3);
    Value floats = of("floats", DType.F32, 5, 67);
    Value other = of("other", DType.I8, 5, 64);
    refuses("the weight must be I8", x, floats, scales, 32);
    refuses("x must have rows of 64", x, other, of("two", DType.F32, 5, 2), 32);
    refuses("scales must have 10 elements", x, weight, scales, 64);
    refuses("a group must be a multiple of 32 or a whole row, not 66", x, weight, scales, 66);
    refuses("a group has at least one element, not 0", x, weight, scales, 0);
    Value longest = of("longest", DType.I8, 1, MatmulInt8.MOST_INNER + 1);
    refuses("rows of the weight must have 1 to 65536 elements", x, longest, scales, 32);
  }

  private void refuses(String what, Value x, Value weight, Value scales, int group) {
    assertThatThrownBy(() -> MatmulInt8.linear(graph, x, weight, scales, Value.NONE, group))
        .isInstanceOf(GraphException.class)
        .hasMessageContaining("MatmulInt8")
        .hasMessageContaining(what);
  }

  @Test
  void hasNoGradient() {
    Value weight = of("weight", DType.I8, 1, 67);
    Value scale = of("scale", DType.F32, 1);
    Value loss = MatmulInt8.linear(graph, graph.parameter("x"), weight, scale, Value.NONE, 67);
    assertThatThrownBy(() -> graph.differentiate(loss))
        .isInstanceOf(GraphException.class)
        .hasMessage("MatmulInt8 has no gradient; it cannot stand in a graph to train.");
  }
}
