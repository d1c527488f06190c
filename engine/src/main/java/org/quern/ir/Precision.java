package org.quern.ir;

import java.util.Locale;

/**
 * In what numbers matrix products are computed. Weights, gradients and optimizer stay F32, and so
 * do all sums, statistics and operations that are no products (mixed precision, Micikevicius et al.
 * 2018, with BF16 no loss needs scaling).
 */
public enum Precision {
  /** Operands as they are. */
  F32,
  /**
   * Operands of products rounded to the nearest BF16 (8 bits of mantissa), summed up as F32; those
   * of attention only where the processor multiplies BF16 itself. A training keeps activations for
   * its backward pass in BF16 too ({@link Graph#keepRounded}), and a generation the keys and values
   * of past tokens.
   */
  BF16;

  /** The kernel that does the same in this precision. */
  public Kernel kernel(Kernel kernel) {
    return switch (this) {
      case F32 -> kernel;
      case BF16 ->
          switch (kernel) {
            case MATMUL_F32 -> Kernel.MATMUL_BF16;
            case ATTENTION_F32 -> Kernel.ATTENTION_BF16;
            case ATTENTION_BACKWARD_F32 -> Kernel.ATTENTION_BACKWARD_BF16;
            default -> kernel;
          };
    };
  }

  /** In what form a program that writes with a model reads its matrices. */
  public WeightForm weights() {
    return switch (this) {
      case F32 -> WeightForm.F32;
      case BF16 -> WeightForm.ROUNDED;
    };
  }

  /** The name that is used in settings: {@code f32}, {@code bf16}. */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }
}
