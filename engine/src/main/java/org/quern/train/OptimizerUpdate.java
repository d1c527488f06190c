package org.quern.train;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.ir.DType;
import org.quern.ir.Graph;
import org.quern.ir.Parameter;
import org.quern.ir.Shape;
import org.quern.ir.Update;
import org.quern.ir.Value;
import org.quern.ir.op.GradientNorm;
import org.quern.ir.op.GradientNorm.SquareSum;

/**
 * The nodes of an optimizer. The squares of a matrix's gradient are summed up as soon as it is
 * complete, while it is in the cache. Vectors wait for the end: they are small, and each would cost
 * the workers two meetings. Parameters that the loss does not depend on stay as they are.
 */
final class OptimizerUpdate implements Update {
  private final Optimizer optimizer;
  private final boolean folds;
  private final Map<Parameter, Value> squares = new LinkedHashMap<>();
  private final List<Parameter> waiting = new ArrayList<>();
  private Value sums = Value.NONE;
  private int used;

  OptimizerUpdate(Optimizer optimizer, boolean folds) {
    this.optimizer = optimizer;
    this.folds = folds;
  }

  @Override
  public boolean folds() {
    return folds;
  }

  @Override
  public void complete(Graph graph, Parameter parameter) {
    if (parameter.shape().rank() < 2) {
      waiting.add(parameter);
      return;
    }
    graph.onUpdate(() -> {
      appendSquares(graph, parameter);
      appendIfFolding(graph, parameter);
    });
  }

  @Override
  public void finish(Graph graph) {
    graph.onUpdate(() -> {
      waiting.forEach(parameter -> appendSquares(graph, parameter));
      waiting.forEach(parameter -> appendIfFolding(graph, parameter));
      Value all = sums.slice(0, Shape.of(used));
      Value norm = graph.apply(new GradientNorm(), all);
      if (!folds) {
        squares.keySet().forEach(done -> optimizer.append(graph, done, norm, false));
      }
    });
  }

  private void appendSquares(Graph graph, Parameter parameter) {
    if (sums.isNone()) {
      int blocks =
          graph.layout().parameters().stream()
              .mapToInt(each -> SquareSum.blocks(each.shape()))
              .sum();
      sums = graph.activation("square sums", DType.F32, Shape.of(blocks));
    }
    Value gradient = graph.gradient(graph.parameter(parameter.name()));
    Value part = SquareSum.append(graph, gradient, sums, used);
    used += part.shape().last();
    squares.put(parameter, part);
  }

  private void appendIfFolding(Graph graph, Parameter parameter) {
    if (folds) {
      optimizer.append(graph, parameter, squares.getOrDefault(parameter, Value.NONE), true);
    }
  }
}
