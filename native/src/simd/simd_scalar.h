/* The scalar tier: vectors of one float. See simd.h. */
#ifndef QUERN_SIMD_SCALAR_H
#define QUERN_SIMD_SCALAR_H

#define QUERN_LANES 1

typedef float vfloat;
typedef int32_t vint;

QUERN_INLINE vfloat v_splat(float x) { return x; }
QUERN_INLINE vint vi_splat(int32_t x) { return x; }
QUERN_INLINE vint v_iota(void) { return 0; }
QUERN_INLINE vfloat v_load(const float *p) { return *p; }
QUERN_INLINE void v_store(float *p, vfloat x) { *p = x; }
QUERN_INLINE vint vi_load(const int32_t *p) { return *p; }
QUERN_INLINE void vi_store(int32_t *p, vint x) { *p = x; }
QUERN_INLINE vfloat v_load_first(const float *p, int64_t n) { return n > 0 ? *p : 0.0f; }
QUERN_INLINE void v_store_first(float *p, vfloat x, int64_t n) {
    if (n > 0) *p = x;
}

QUERN_INLINE vint v_bits(vfloat x) {
    vint bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
QUERN_INLINE vfloat v_of_bits(vint bits) {
    vfloat x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

QUERN_INLINE vfloat v_load_bf16(const uint16_t *p) {
    return v_of_bits((vint)((uint32_t)*p << 16));
}
QUERN_INLINE vfloat v_load_bf16_first(const uint16_t *p, int64_t n) {
    return n > 0 ? v_load_bf16(p) : 0.0f;
}

QUERN_INLINE void v_store_bf16(uint16_t *p, vfloat x) { *p = (uint16_t)((uint32_t)v_bits(x) >> 16); }
QUERN_INLINE void v_store_bf16_first(uint16_t *p, vfloat x, int64_t n) {
    if (n > 0) v_store_bf16(p, x);
}

QUERN_INLINE vfloat v_fma(vfloat a, vfloat b, vfloat c) { return a * b + c; }
QUERN_INLINE vfloat v_fnma(vfloat a, vfloat b, vfloat c) { return c - a * b; }
QUERN_INLINE void v_add_product(vfloat *sum, vfloat a, vfloat b) { *sum = v_fma(a, b, *sum); }
QUERN_INLINE vfloat v_min(vfloat a, vfloat b) { return a < b ? a : b; }
QUERN_INLINE vfloat v_max(vfloat a, vfloat b) { return a > b ? a : b; }
QUERN_INLINE vfloat v_sqrt(vfloat x) { return __builtin_sqrtf(x); }
QUERN_INLINE vfloat v_floats(vint x) { return (float)x; }
QUERN_INLINE vint vi_shift_left(vint x, int n) { return (vint)((uint32_t)x << n); }
QUERN_INLINE vint vi_shift_right(vint x, int n) { return x >> n; }

QUERN_INLINE vint v_less(vfloat a, vfloat b) { return -(a < b); }
QUERN_INLINE vint v_less_equal(vfloat a, vfloat b) { return -(a <= b); }
QUERN_INLINE vint v_equal(vfloat a, vfloat b) { return -(a == b); }
QUERN_INLINE vfloat v_select(vint mask, vfloat a, vfloat b) { return mask ? a : b; }

QUERN_INLINE float v_sum(vfloat x) { return x; }
QUERN_INLINE float v_highest(vfloat x) { return x; }

#endif
