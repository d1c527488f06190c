package org.quern.exec.nativecpu;

import java.util.Arrays;
import java.util.Locale;
import org.quern.exec.ExecutionException;

/** The instruction sets of {@code quern_tier}, in rising order. */
public enum NativeTier {
  /** Baseline code without vector instructions by intent. */
  SCALAR,
  /** 256-bit vectors with fused multiply-add. */
  AVX2,
  /** 512-bit vectors. */
  AVX512,
  /** Dot products of pairs of BF16; all else as {@link #AVX512}. */
  AVX512_BF16,
  /** Tiles for products of BF16; all else as {@link #AVX512}. */
  AMX;

  /**
   * The name that is used in settings: {@code scalar}, {@code avx2}, {@code avx512}, {@code
   * avx512_bf16}, {@code amx}.
   */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The tier of this name. */
  public static NativeTier parse(String text) {
    return Arrays.stream(values())
        .filter(tier -> tier.text().equals(text.strip().toLowerCase(Locale.ROOT)))
        .findFirst()
        .orElseThrow(() ->
            new ExecutionException(
                "There is no instruction set "
                    + text
                    + "; choose scalar, avx2, avx512, avx512_bf16 or amx."));
  }
}
