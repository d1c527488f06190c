package org.quern.train;

import java.util.Optional;

/**
 * How a training ended.
 *
 * @param step steps done in all
 * @param finished whether that is all of them; else it was stopped
 * @param loss of the last step, in nats a token; NaN if none was done
 * @param evaluation of the parameters as they are now, if there is held-out text and the training
 *     finished
 * @param checkpoint the checkpoint of the parameters as they are now, if there is a folder
 */
public record TrainingResult(
    long step,
    boolean finished,
    float loss,
    Optional<Evaluation> evaluation,
    Optional<Checkpoint> checkpoint) {}
