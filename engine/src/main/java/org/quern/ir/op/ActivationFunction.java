package org.quern.ir.op;

/** The functions of {@link Activation} and {@link GatedActivation}, numbered as in quern.h. */
public enum ActivationFunction {
  /** {@code max(x, 0)}. */
  RELU,
  /** {@code 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))} (Hendrycks and Gimpel 2016). */
  GELU_TANH,
  /** {@code 0.5 x (1 + erf(x / sqrt 2))} (Hendrycks and Gimpel 2016). */
  GELU_ERF,
  /** {@code x / (1 + exp(-x))} (Elfwing et al. 2017). */
  SILU
}
