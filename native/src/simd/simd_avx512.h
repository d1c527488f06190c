/* The AVX-512 tier: vectors of sixteen floats. See simd.h. */
#ifndef QUERN_SIMD_AVX512_H
#define QUERN_SIMD_AVX512_H

#include <immintrin.h>

#define QUERN_LANES 16

#include "simd/simd_vector.h"

QUERN_INLINE vint v_iota(void) {
    return (vint){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
}

QUERN_INLINE __mmask16 quern_first_16(int64_t n) {
    return (__mmask16)(n < 16 ? (1u << n) - 1u : 0xffffu);
}
QUERN_INLINE vfloat v_load_first(const float *p, int64_t n) {
    return (vfloat)_mm512_maskz_loadu_ps(quern_first_16(n), p);
}
QUERN_INLINE void v_store_first(float *p, vfloat x, int64_t n) {
    _mm512_mask_storeu_ps(p, quern_first_16(n), (__m512)x);
}

QUERN_INLINE vfloat v_fma(vfloat a, vfloat b, vfloat c) {
    return (vfloat)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
QUERN_INLINE vfloat v_fnma(vfloat a, vfloat b, vfloat c) {
    return (vfloat)_mm512_fnmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
/* In place for certain: of steps that are unrolled, compilers copy sums to and fro. */
QUERN_INLINE void v_add_product(vfloat *sum, vfloat a, vfloat b) {
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(*sum) : "v"(a), "v"(b));
}
QUERN_INLINE vfloat v_min(vfloat a, vfloat b) {
    return (vfloat)_mm512_min_ps((__m512)a, (__m512)b);
}
QUERN_INLINE vfloat v_max(vfloat a, vfloat b) {
    return (vfloat)_mm512_max_ps((__m512)a, (__m512)b);
}
QUERN_INLINE vfloat v_sqrt(vfloat x) { return (vfloat)_mm512_sqrt_ps((__m512)x); }

/* Sixteen to eight, then as the AVX2 tier does. */
QUERN_INLINE float v_sum(vfloat x) {
    __m256 h = _mm256_add_ps(_mm512_castps512_ps256((__m512)x), _mm512_extractf32x8_ps((__m512)x, 1));
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
QUERN_INLINE float v_highest(vfloat x) {
    __m256 h = _mm256_max_ps(_mm512_castps512_ps256((__m512)x), _mm512_extractf32x8_ps((__m512)x, 1));
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

#endif
