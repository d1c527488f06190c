package org.quern.ir;

/** How a parameter starts before any training. */
public sealed interface Initializer {
  /** All zero. */
  record Zeros() implements Initializer {}

  /** All one. */
  record Ones() implements Initializer {}

  /** Independent draws from a normal distribution around zero. */
  record Normal(float standardDeviation) implements Initializer {}
}
