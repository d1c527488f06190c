package org.quern.train;

import org.quern.exec.Backend;
import org.quern.ir.Precision;

/**
 * Whether a training whose products are computed in BF16 keeps weights rounded beside them, so that
 * products read half as much of them and round nothing. It costs 2 bytes a weight and changes no
 * result.
 */
public enum Bf16Weights {
  /**
   * Where the CPU multiplies BF16 itself, the weights of products of few rows: these pack a weight
   * for little arithmetic.
   */
  AUTO,
  /** Those of all products. */
  ON,
  /** None: products round weights as they pack them. */
  OFF;

  /**
   * Without an instruction for BF16 a copy saves 2 % of a product of 256 rows, and less of more
   * ({@code native/bench/stored.c}); with one, arithmetic takes a fraction of that time, and
   * packing as much.
   */
  private static final int AUTO_ROWS = 512;

  /** How many rows the products have at most that read such weights; 0 if none do. */
  int mostRows(Backend backend) {
    if (backend.precision() != Precision.BF16) {
      return 0;
    }
    return switch (this) {
      case AUTO -> backend.multipliesBf16() ? AUTO_ROWS : 0;
      case ON -> Integer.MAX_VALUE;
      case OFF -> 0;
    };
  }
}
