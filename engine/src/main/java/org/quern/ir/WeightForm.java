package org.quern.ir;

/** In what form a graph that only reads a model's matrices has them. */
public enum WeightForm {
  /** All as F32. */
  F32,
  /** Those of products rounded to BF16 ({@link Region#ROUNDED_PARAMETERS}), all others as F32. */
  ROUNDED,
  /**
   * Those of products and embeddings as BF16: of a model that stands in that, so that nothing is
   * rounded. They are widened as they are read, which is exact: a product of floats has the bits
   * that it has of F32.
   */
  BF16
}
