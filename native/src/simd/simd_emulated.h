/*
 * For tests alone: the AVX-512 tier's sixteen lanes made of AVX2 instructions, so that its logic can
 * be run on a machine without AVX-512. See simd.h.
 */
#ifndef QUERN_SIMD_EMULATED_H
#define QUERN_SIMD_EMULATED_H

#include <immintrin.h>

#define QUERN_LANES 16

#include "simd/simd_vector.h"

QUERN_INLINE __m256 quern_low(vfloat x) {
    return (__m256)__builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7);
}
QUERN_INLINE __m256 quern_high(vfloat x) {
    return (__m256)__builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
}
QUERN_INLINE vfloat quern_whole(__m256 low, __m256 high) {
    return (vfloat)__builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                                           15);
}

QUERN_INLINE vint v_iota(void) {
    return (vint){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
}

QUERN_INLINE vfloat v_load_first(const float *p, int64_t n) {
    vfloat x = {0};
    for (int i = 0; i < QUERN_LANES; i++) {
        if (i < n) x[i] = p[i];
    }
    return x;
}
QUERN_INLINE void v_store_first(float *p, vfloat x, int64_t n) {
    for (int i = 0; i < QUERN_LANES; i++) {
        if (i < n) p[i] = x[i];
    }
}

QUERN_INLINE vfloat v_fma(vfloat a, vfloat b, vfloat c) {
    return quern_whole(_mm256_fmadd_ps(quern_low(a), quern_low(b), quern_low(c)),
                       _mm256_fmadd_ps(quern_high(a), quern_high(b), quern_high(c)));
}
QUERN_INLINE vfloat v_fnma(vfloat a, vfloat b, vfloat c) {
    return quern_whole(_mm256_fnmadd_ps(quern_low(a), quern_low(b), quern_low(c)),
                       _mm256_fnmadd_ps(quern_high(a), quern_high(b), quern_high(c)));
}
QUERN_INLINE void v_add_product(vfloat *sum, vfloat a, vfloat b) { *sum = v_fma(a, b, *sum); }
QUERN_INLINE vfloat v_min(vfloat a, vfloat b) {
    return quern_whole(_mm256_min_ps(quern_low(a), quern_low(b)),
                       _mm256_min_ps(quern_high(a), quern_high(b)));
}
QUERN_INLINE vfloat v_max(vfloat a, vfloat b) {
    return quern_whole(_mm256_max_ps(quern_low(a), quern_low(b)),
                       _mm256_max_ps(quern_high(a), quern_high(b)));
}
QUERN_INLINE vfloat v_sqrt(vfloat x) {
    return quern_whole(_mm256_sqrt_ps(quern_low(x)), _mm256_sqrt_ps(quern_high(x)));
}

QUERN_INLINE float v_sum(vfloat x) {
    __m256 h = _mm256_add_ps(quern_low(x), quern_high(x));
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
QUERN_INLINE float v_highest(vfloat x) {
    __m256 h = _mm256_max_ps(quern_low(x), quern_high(x));
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

#endif
