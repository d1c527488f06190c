package org.quern.train;

import java.util.List;
import org.quern.ir.Graph;
import org.quern.ir.Parameter;
import org.quern.ir.Region;
import org.quern.ir.Update;
import org.quern.ir.Value;

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
    public void append(Graph graph, Parameter parameter, Value last, boolean immediate) {
      float decay = parameter.decays() ? weightDecay : 0;
      new org.quern.ir.op.AdamW(beta1, beta2, epsilon, decay, immediate)
          .apply(graph, parameter.name(), last);
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
    public void append(Graph graph, Parameter parameter, Value last, boolean immediate) {
      float decay = parameter.decays() ? weightDecay : 0;
      new org.quern.ir.op.Sgd(momentum, decay, immediate).apply(graph, parameter.name(), last);
    }

    @Override
    public List<Region> state() {
      return List.of(Region.FIRST_MOMENTS);
    }
  }

  /**
   * Appends the update of one parameter.
   *
   * @param last the norm of all gradients, or the sums of this one's squares if immediate
   * @param immediate whether it does not wait for the norm, and so does not clip
   */
  void append(Graph graph, Parameter parameter, Value last, boolean immediate);

  /** The regions of the model that hold what is remembered from step to step. */
  List<Region> state();

  /**
   * The update for a graph whose gradients live to the end of the run: for clipping, for more than
   * one micro batch a step, and for who wants to read them.
   */
  default Update keepingGradients() {
    return new OptimizerUpdate(this, false);
  }

  /**
   * The update for a graph in which each matrix follows as soon as its gradient is complete, whose
   * memory is free then (Lv et al. 2023, "LOMO"). There is no clipping. A loss that is not finite
   * changes nothing; a gradient that is not stops its own and all later updates, but those before
   * it have been done.
   */
  default Update foldingGradients() {
    return new OptimizerUpdate(this, true);
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
