package org.quern.train;

/**
 * A training that begins or goes on.
 *
 * @param step steps that have been done already
 * @param steps steps that there will be in all
 * @param parameters the number of weights
 * @param tokensPerStep accumulation · batch · time
 * @param stepsPerEpoch steps that show the whole text about once
 */
public record TrainingStart(
    long step, long steps, long parameters, long tokensPerStep, double stepsPerEpoch) {}
