/*
 * For tests alone: the AVX-512 tier's sixteen lanes made of AVX2 instructions, so that its logic can
 * be run on a machine without AVX-512. See simd.h.
 */
#ifndef QUERN_SIMD_EMULATED_H
#define QUERN_SIMD_EMULATED_H

#include <immintrin.h>

#define QUERN_LANES 16

#include "simd/simd_vector.h"

typedef union quern_halves {
    vfloat whole;
    __m256 half[2];
} quern_halves;

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
    quern_halves x = {a}, y = {b}, z = {c};
    z.half[0] = _mm256_fmadd_ps(x.half[0], y.half[0], z.half[0]);
    z.half[1] = _mm256_fmadd_ps(x.half[1], y.half[1], z.half[1]);
    return z.whole;
}
QUERN_INLINE vfloat v_fnma(vfloat a, vfloat b, vfloat c) {
    quern_halves x = {a}, y = {b}, z = {c};
    z.half[0] = _mm256_fnmadd_ps(x.half[0], y.half[0], z.half[0]);
    z.half[1] = _mm256_fnmadd_ps(x.half[1], y.half[1], z.half[1]);
    return z.whole;
}
QUERN_INLINE vfloat v_min(vfloat a, vfloat b) {
    quern_halves x = {a}, y = {b};
    x.half[0] = _mm256_min_ps(x.half[0], y.half[0]);
    x.half[1] = _mm256_min_ps(x.half[1], y.half[1]);
    return x.whole;
}
QUERN_INLINE vfloat v_max(vfloat a, vfloat b) {
    quern_halves x = {a}, y = {b};
    x.half[0] = _mm256_max_ps(x.half[0], y.half[0]);
    x.half[1] = _mm256_max_ps(x.half[1], y.half[1]);
    return x.whole;
}
QUERN_INLINE vfloat v_sqrt(vfloat x) {
    quern_halves y = {x};
    y.half[0] = _mm256_sqrt_ps(y.half[0]);
    y.half[1] = _mm256_sqrt_ps(y.half[1]);
    return y.whole;
}

QUERN_INLINE float v_sum(vfloat x) {
    quern_halves y = {x};
    __m256 h = _mm256_add_ps(y.half[0], y.half[1]);
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
QUERN_INLINE float v_highest(vfloat x) {
    quern_halves y = {x};
    __m256 h = _mm256_max_ps(y.half[0], y.half[1]);
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

#endif
