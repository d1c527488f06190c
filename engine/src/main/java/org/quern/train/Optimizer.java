package org.quern.train;

import java.util.List;
import org.quern.ir.Graph;
import org.quern.ir.Parameter;
import org.quern.ir.Region;
import org.quern.ir.Value;
import org.quern.ir.op.GradientNorm;

/** How parameters follow their gradients. The learning rate comes from a {@link Schedule}. */
public sealed interface Optimizer {
  /**
   * Adam with decoupled weight decay (Loshchilov and Hutter 2019), the decay on matrices only.
   *
   * @param beta1 decay of the first moment
   * @param beta2 decay of the second moment
   * @param epsilon added to the root of the second moment
   * @param weightDecay times the learning rate: the share of a matrix that each step takes away
   */
  record AdamW(float beta1, float beta2, float epsilon, float weightDecay) implements Optimizer {
    /** Checks the ranges. */
    public AdamW {
      share("beta1", beta1);
      share("beta2", beta2);
      notNegative("epsilon", epsilon);
      notNegative("weight decay", weightDecay);
    }

    @Override
    public void append(Graph graph, Parameter parameter, Value norm) {
      float decay = parameter.decays() ? weightDecay : 0;
      new org.quern.ir.op.AdamW(beta1, beta2, epsilon, decay).apply(graph, parameter.name(), norm);
    }

    @Override
    public List<Region> state() {
      return List.of(Region.FIRST_MOMENTS, Region.SECOND_MOMENTS);
    }
  }

  /**
   * Stochastic gradient descent with momentum, the decay on matrices only.
   *
   * @param momentum the share of the last update that is kept
   * @param weightDecay times a matrix: added to its gradient
   */
  record Sgd(float momentum, float weightDecay) implements Optimizer {
    /** Checks the ranges. */
    public Sgd {
      share("momentum", momentum);
      notNegative("weight decay", weightDecay);
    }

    @Override
    public void append(Graph graph, Parameter parameter, Value norm) {
      float decay = parameter.decays() ? weightDecay : 0;
      new org.quern.ir.op.Sgd(momentum, decay).apply(graph, parameter.name(), norm);
    }

    @Override
    public List<Region> state() {
      return List.of(Region.FIRST_MOMENTS);
    }
  }

  /** Appends the update of one parameter. */
  void append(Graph graph, Parameter parameter, Value norm);

  /** The regions of the model that hold what is remembered from step to step. */
  List<Region> state();

  /** Appends the gradients' norm and the update of every parameter. */
  default void append(Graph graph) {
    Value norm = GradientNorm.apply(graph);
    for (Parameter parameter : graph.layout().parameters()) {
      append(graph, parameter, norm);
    }
  }

  private static void share(String what, float value) {
    if (!(value >= 0 && value < 1)) {
      throw new TrainingException("The " + what + " is " + value + "; it must be in [0, 1).");
    }
  }

  private static void notNegative(String what, float value) {
    if (!(value >= 0 && value < Float.POSITIVE_INFINITY)) {
      throw new TrainingException("The " + what + " is " + value + "; it must not be negative.");
    }
  }
}
