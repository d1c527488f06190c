/*
 * Dot products of small groups of numbers in each lane, which the tiers named after them have instructions for.
 * Where these are missing (tests alone), the same from multiply-adds.
 */
#ifndef QUERN_DOT_H
#define QUERN_DOT_H

#include "simd/simd.h"

/*
 * sum + x[1] y[1] + x[0] y[0] of the pairs of BF16 in each lane, in this order, each multiply-add rounded
 * once to the nearest, ties to even; denormals are zero (Intel SDM volume 2, VDPBF16PS).
 */
#if defined(__AVX512BF16__)

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

/*
 * Integers: the products of each lane's two (or four) numbers, added up without rounding or saturation.
 * Tiers with VNNI multiply bytes, an unsigned one by a signed one; the others 16-bit integers.
 */
#if defined(QUERN_ISA_avx2_vnni) || defined(QUERN_ISA_avx512_vnni)
#define QUERN_DOT_BYTES 1
QUERN_INLINE vint vi_dot_bytes(vint sum, vint x, vint y) {
#if defined(__AVX512VNNI__)
    return (vint)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)x, (__m512i)y);
#elif defined(__AVXVNNI__)
    return (vint)_mm256_dpbusd_avx_epi32((__m256i)sum, (__m256i)x, (__m256i)y);
#else
    for (int byte = 0; byte < 4; byte++) {
        const vint unsigned_byte = vi_shift_right(x, 8 * byte) & vi_splat(255);
        sum += unsigned_byte * vi_shift_right(vi_shift_left(y, 24 - 8 * byte), 24);
    }
    return sum;
#endif
}
#endif

/* 2 QUERN_LANES signed bytes as 16-bit integers. */
QUERN_INLINE vint vi_load_shorts(const int8_t *p) {
#if QUERN_LANES == 1
    return (int32_t)((uint32_t)(uint16_t)p[0] | (uint32_t)p[1] << 16);
#elif QUERN_LANES == 16 && defined(__AVX512BW__)
    return (vint)_mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)p));
#elif QUERN_LANES == 8
    return (vint)_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p));
#else
    typedef int8_t bytes __attribute__((vector_size(2 * QUERN_LANES)));
    typedef int16_t shorts __attribute__((vector_size(4 * QUERN_LANES)));
    bytes x;
    memcpy(&x, p, sizeof x);
    return (vint)__builtin_convertvector(x, shorts);
#endif
}

QUERN_INLINE vint vi_dot_shorts(vint sum, vint x, vint y) {
#if QUERN_LANES == 16 && defined(__AVX512BW__)
    return sum + (vint)_mm512_madd_epi16((__m512i)x, (__m512i)y);
#elif QUERN_LANES == 8
    return sum + (vint)_mm256_madd_epi16((__m256i)x, (__m256i)y);
#else
    const vint low = vi_shift_right(vi_shift_left(x, 16), 16) * vi_shift_right(vi_shift_left(y, 16), 16);
    return sum + low + vi_shift_right(x, 16) * vi_shift_right(y, 16);
#endif
}

#endif
