package org.quern.train;

import java.util.Optional;
import org.quern.exec.Backend;
import org.quern.ir.Cost;
import org.quern.ir.Graph;
import org.quern.ir.Region;
import org.quern.model.CausalLanguageModel;
import org.quern.model.LanguageModelGraphs;
import org.quern.plan.Plan;

/**
 * The plan of a training step, and what its recomputation costs.
 *
 * @param plan the plan
 * @param price empty where nothing is recomputed
 */
public record StepPlan(Plan plan, Optional<RecomputationPrice> price) {
  /**
   * The plan of a step on {@code batch} rows of {@code time} tokens.
   *
   * @param backend where it is to run
   */
  public static StepPlan of(
      CausalLanguageModel model, int batch, int time, TrainingOptions options, Backend backend) {
    Graph graph =
        LanguageModelGraphs.training(model, batch, time, options.update(), backend.precision());
    graph.keepRoundedWeights(options.bf16Weights().mostRows(backend));
    if (options.recompute() == Recompute.NONE) {
      return new StepPlan(Plan.of(graph), Optional.empty());
    }
    long kept = Plan.of(graph).bytes(Region.ACTIVATIONS);
    long flops = graph.cost().flops();
    Cost more = graph.recomputeBlocks();
    Plan plan = Plan.of(graph);
    return new StepPlan(
        plan,
        Optional.of(
            new RecomputationPrice(plan.bytes(Region.ACTIVATIONS), kept, more.flops(), flops)));
  }
}
