package org.quern.train;

import java.time.Duration;

/**
 * What a step did. One object serves all steps, so that reporting allocates nothing: a listener
 * reads it during the call and does not keep it.
 */
public final class StepReport {
  private final long steps;
  private long step;
  private float loss = Float.NaN;
  private float learningRate;
  private float gradNorm;
  private long tokens;
  private double tokensPerSecond;
  private long elapsedNanos;
  private long remainingNanos;

  StepReport(long steps) {
    this.steps = steps;
  }

  /** The step's number, from 1: how often the parameters have been updated. */
  public long step() {
    return step;
  }

  /** How many steps there will be. */
  public long steps() {
    return steps;
  }

  /** The mean over the step's counted labels, in nats, before the update. */
  public float loss() {
    return loss;
  }

  /** The learning rate of the update. */
  public float learningRate() {
    return learningRate;
  }

  /** The norm of all gradients together, before clipping. */
  public float gradNorm() {
    return gradNorm;
  }

  /** Tokens that went through the model in this step: accumulation · batch · time. */
  public long tokens() {
    return tokens;
  }

  /** Tokens a second in this step, evaluations and checkpoints left out. */
  public double tokensPerSecond() {
    return tokensPerSecond;
  }

  /** Time since the training was started or resumed. */
  public Duration elapsed() {
    return Duration.ofNanos(elapsedNanos);
  }

  /** Time that the remaining steps will take if all goes on as it has. */
  public Duration remaining() {
    return Duration.ofNanos(remainingNanos);
  }

  void result(long step, float loss, float learningRate, float gradNorm) {
    this.step = step;
    this.loss = loss;
    this.learningRate = learningRate;
    this.gradNorm = gradNorm;
  }

  /**
   * Sets the times.
   *
   * @param first the steps that had been done when this training was started or resumed
   */
  void times(long first, long tokens, long stepNanos, long elapsedNanos) {
    this.tokens = tokens;
    this.tokensPerSecond = tokens * 1e9 / Math.max(1, stepNanos);
    this.elapsedNanos = elapsedNanos;
    double perStep = (double) elapsedNanos / Math.max(1, step - first);
    this.remainingNanos = (long) (perStep * Math.max(0, steps - step));
  }
}
