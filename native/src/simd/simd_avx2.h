/* The AVX2 tier: vectors of eight floats. See simd.h. */
#ifndef QUERN_SIMD_AVX2_H
#define QUERN_SIMD_AVX2_H

#include <immintrin.h>

#define QUERN_LANES 8

#include "simd/simd_vector.h"

QUERN_INLINE vint v_iota(void) { return (vint){0, 1, 2, 3, 4, 5, 6, 7}; }

QUERN_INLINE __m256i quern_first_8(int64_t n) {
    int32_t count = n < 8 ? (int32_t)n : 8;
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), (__m256i)v_iota());
}
QUERN_INLINE vfloat v_load_first(const float *p, int64_t n) {
    return (vfloat)_mm256_maskload_ps(p, quern_first_8(n));
}
QUERN_INLINE void v_store_first(float *p, vfloat x, int64_t n) {
    _mm256_maskstore_ps(p, quern_first_8(n), (__m256)x);
}

QUERN_INLINE vfloat v_fma(vfloat a, vfloat b, vfloat c) {
    return (vfloat)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
QUERN_INLINE vfloat v_fnma(vfloat a, vfloat b, vfloat c) {
    return (vfloat)_mm256_fnmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
/* In place for certain: of steps that are unrolled, compilers copy sums to and fro. */
QUERN_INLINE void v_add_product(vfloat *sum, vfloat a, vfloat b) {
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(*sum) : "x"(a), "x"(b));
}
QUERN_INLINE vfloat v_min(vfloat a, vfloat b) {
    return (vfloat)_mm256_min_ps((__m256)a, (__m256)b);
}
QUERN_INLINE vfloat v_max(vfloat a, vfloat b) {
    return (vfloat)_mm256_max_ps((__m256)a, (__m256)b);
}
QUERN_INLINE vfloat v_sqrt(vfloat x) { return (vfloat)_mm256_sqrt_ps((__m256)x); }

QUERN_INLINE float v_sum(vfloat x) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128((__m256)x), _mm256_extractf128_ps((__m256)x, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
QUERN_INLINE float v_highest(vfloat x) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128((__m256)x), _mm256_extractf128_ps((__m256)x, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

#endif
