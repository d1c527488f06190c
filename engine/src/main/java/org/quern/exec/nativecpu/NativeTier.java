package org.quern.exec.nativecpu;

import java.util.Arrays;
import java.util.Locale;
import org.quern.exec.ExecutionException;

/**
 * The instruction sets of {@code quern_tier}: a higher one is preferred, and need not hold all of a
 * lower one.
 */
public enum NativeTier {
  /** Baseline code without vector instructions by intent. */
  SCALAR,
  /** 256-bit vectors with fused multiply-add. */
  AVX2,
  /** Dot products of bytes (AVX-VNNI), for INT8; all else as {@link #AVX2}. */
  AVX2_VNNI,
  /** 512-bit vectors. */
  AVX512,
  /** Dot products of bytes, for INT8; all else as {@link #AVX512}. */
  AVX512_VNNI,
  /** Dot products of pairs of BF16, attention's too; all else as {@link #AVX512_VNNI}. */
  AVX512_BF16,
  /** Tiles for products of BF16, attention's too, and INT8; all else as {@link #AVX512}. */
  AMX;

  /**
   * The name that is used in settings: {@code scalar}, {@code avx2}, {@code avx2_vnni}, {@code
   * avx512}, {@code avx512_vnni}, {@code avx512_bf16}, {@code amx}.
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
                    + "; choose scalar, avx2, avx2_vnni, avx512, avx512_vnni, avx512_bf16 or amx."));
  }
}
