package org.quern.train;

import java.util.Optional;
import org.quern.exec.MemoryUse;

/**
 * A training that begins or goes on.
 *
 * @param step steps that have been done already
 * @param steps steps that there will be in all
 * @param parameters the number of weights
 * @param tokensPerStep accumulation · batch · time
 * @param stepsPerEpoch steps that show the whole text about once
 * @param memory what each part of the memory takes
 * @param recomputation what recomputation saves and costs; empty where there is none
 */
public record TrainingStart(
    long step,
    long steps,
    long parameters,
    long tokensPerStep,
    double stepsPerEpoch,
    MemoryUse memory,
    Optional<RecomputationPrice> recomputation) {}
