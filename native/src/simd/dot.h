/*
 * Dot products of small groups of numbers in each lane, which the tier avx512_bf16 has instructions for.
 * Where these are missing (tests alone), the same from multiply-adds.
 */
#ifndef QUERN_DOT_H
#define QUERN_DOT_H

#include "simd/simd.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>

/*
 * sum + x[1] y[1] + x[0] y[0] of the pairs of BF16 in each lane, in this order, each multiply-add rounded
 * once to the nearest, ties to even; denormals are zero (Intel SDM volume 2, VDPBF16PS).
 */
QUERN_INLINE vfloat v_dot_bf16(vfloat sum, vint x, vint y) {
    return (vfloat)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)y);
}

#else

/* 0 for a denormal, with its sign. */
QUERN_INLINE vfloat v_flushed(vfloat x) {
    const vfloat zero = v_of_bits(v_bits(x) & vi_splat(INT32_MIN));
    return v_select(v_less(v_abs(x), v_splat(0x1p-126f)), zero, x);
}

QUERN_INLINE vfloat v_dot_bf16(vfloat sum, vint x, vint y) {
    const vint high = vi_splat((int32_t)0xffff0000u);
    sum = v_fma(v_flushed(v_of_bits(x & high)), v_flushed(v_of_bits(y & high)), v_flushed(sum));
    const vfloat low_x = v_flushed(v_of_bits(vi_shift_left(x, 16)));
    return v_flushed(v_fma(low_x, v_flushed(v_of_bits(vi_shift_left(y, 16))), v_flushed(sum)));
}

#endif

#endif
