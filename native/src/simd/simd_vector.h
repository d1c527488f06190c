/* What the tiers of 8 and 16 lanes share, in GCC's vector extensions. See simd.h. */
#ifndef QUERN_SIMD_VECTOR_H
#define QUERN_SIMD_VECTOR_H

typedef float vfloat __attribute__((vector_size(4 * QUERN_LANES)));
typedef int32_t vint __attribute__((vector_size(4 * QUERN_LANES)));
typedef uint32_t vuint __attribute__((vector_size(4 * QUERN_LANES)));
typedef uint16_t vhalf __attribute__((vector_size(2 * QUERN_LANES)));
typedef uint16_t vhalf_unaligned __attribute__((vector_size(2 * QUERN_LANES), aligned(2), may_alias));
typedef float vfloat_unaligned
    __attribute__((vector_size(4 * QUERN_LANES), aligned(4), may_alias));
typedef int32_t vint_unaligned
    __attribute__((vector_size(4 * QUERN_LANES), aligned(4), may_alias));

QUERN_INLINE vfloat v_splat(float x) { return x - (vfloat){0}; }
QUERN_INLINE vint vi_splat(int32_t x) { return x - (vint){0}; }
QUERN_INLINE vfloat v_load(const float *p) { return *(const vfloat_unaligned *)p; }
QUERN_INLINE void v_store(float *p, vfloat x) { *(vfloat_unaligned *)p = x; }
/* Each with zeros above it; by intrinsic, since GCC 12 makes five instructions of a conversion. */
QUERN_INLINE vuint v_widen(vhalf x) {
#if QUERN_LANES == 16 && defined(__AVX512F__)
    return (vuint)_mm512_cvtepu16_epi32((__m256i)x);
#elif QUERN_LANES == 8
    return (vuint)_mm256_cvtepu16_epi32((__m128i)x);
#else
    return __builtin_convertvector(x, vuint);
#endif
}
QUERN_INLINE vfloat v_load_bf16(const uint16_t *p) {
    return (vfloat)(v_widen(*(const vhalf_unaligned *)p) << 16);
}
QUERN_INLINE vfloat v_load_bf16_first(const uint16_t *p, int64_t n) {
    vhalf x = {0};
    memcpy(&x, p, (size_t)(n < QUERN_LANES ? n : QUERN_LANES) * sizeof *p);
    return (vfloat)(v_widen(x) << 16);
}
QUERN_INLINE vhalf quern_upper(vfloat x) {
    return __builtin_convertvector((vuint)x >> 16, vhalf);
}
QUERN_INLINE void v_store_bf16(uint16_t *p, vfloat x) { *(vhalf_unaligned *)p = quern_upper(x); }
QUERN_INLINE void v_store_bf16_first(uint16_t *p, vfloat x, int64_t n) {
    const vhalf y = quern_upper(x);
    memcpy(p, &y, (size_t)(n < QUERN_LANES ? n : QUERN_LANES) * sizeof *p);
}
QUERN_INLINE vint vi_load(const int32_t *p) { return *(const vint_unaligned *)p; }
QUERN_INLINE void vi_store(int32_t *p, vint x) { *(vint_unaligned *)p = x; }

QUERN_INLINE vint v_bits(vfloat x) { return (vint)x; }
QUERN_INLINE vfloat v_of_bits(vint bits) { return (vfloat)bits; }
QUERN_INLINE vfloat v_floats(vint x) { return __builtin_convertvector(x, vfloat); }
QUERN_INLINE vint vi_shift_left(vint x, int n) { return (vint)((vuint)x << n); }
QUERN_INLINE vint vi_shift_right(vint x, int n) { return x >> n; }

QUERN_INLINE vint v_less(vfloat a, vfloat b) { return a < b; }
QUERN_INLINE vint v_less_equal(vfloat a, vfloat b) { return a <= b; }
QUERN_INLINE vint v_equal(vfloat a, vfloat b) { return a == b; }
QUERN_INLINE vfloat v_select(vint mask, vfloat a, vfloat b) {
    return (vfloat)((mask & (vint)a) | (~mask & (vint)b));
}

#endif
