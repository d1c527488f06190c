/*
 * Vectors of QUERN_LANES floats: 1, 8 or 16 by tier. vfloat and vint take the operators + - * / and
 * unary minus; all else has a name here. A comparison gives a vint, all bits set where it
 * holds. The same source serves every tier; simd_<isa>.h holds what needs an instruction.
 *
 * Reading and writing is unaligned; the _first forms touch the first n of QUERN_LANES elements only,
 * 0 <= n, and read the others as 0.
 */
#ifndef QUERN_SIMD_H
#define QUERN_SIMD_H

#include "kernel.h"

#include <math.h>
#include <string.h>

#if defined(QUERN_ISA_avx512) || defined(QUERN_ISA_avx512_vnni) || defined(QUERN_ISA_avx512_bf16) || \
    defined(QUERN_ISA_amx)
#if defined(__AVX512F__)
#include "simd/simd_avx512.h"
#else
#include "simd/simd_emulated.h"
#endif
#elif defined(QUERN_ISA_avx2) || defined(QUERN_ISA_avx2_vnni)
#include "simd/simd_avx2.h"
#elif defined(QUERN_ISA_scalar)
#include "simd/simd_scalar.h"
#else
#error "compile kernels with -DQUERN_ISA_scalar=1, or that of another tier"
#endif

/*
 * A tier's header gives: QUERN_LANES, vfloat, vint;
 *   v_load, v_store, v_load_first, v_store_first, v_load_bf16 and v_load_bf16_first (BF16 as float),
 *   v_store_bf16 and v_store_bf16_first (the upper halves), v_splat, vi_splat, vi_load, vi_store, v_iota
 *   v_fma(a, b, c) = a b + c in one rounding; v_fnma(a, b, c) = c - a b; v_add_product(&c, a, b): c = a b + c.
 *   The scalar tier rounds twice
 *   v_min, v_max: the second operand where either is NaN (as x86 does)
 *   v_sqrt, v_floats(vint), v_bits, v_of_bits (the same 32 bits as the other type)
 *   vi_shift_left, vi_shift_right (arithmetic), v_select(mask, a, b), v_sum, v_highest
 *   v_less, v_less_equal, v_equal: false where either is NaN
 */

QUERN_INLINE vfloat v_zero(void) { return v_splat(0.0f); }

QUERN_INLINE vfloat v_abs(vfloat x) { return v_of_bits(v_bits(x) & vi_splat(0x7fffffff)); }

/* |a| with the sign of b. */
QUERN_INLINE vfloat v_copysign(vfloat a, vfloat b) {
    vint sign = vi_splat(INT32_MIN);
    return v_of_bits((v_bits(a) & ~sign) | (v_bits(b) & sign));
}

/*
 * The nearest number that BF16 holds, ties to the even one; infinities as they are, NaN made quiet, so
 * that its upper half is NaN too.
 */
QUERN_INLINE vfloat v_round_bf16(vfloat x) {
    vint bits = v_bits(x);
    vint odd = vi_shift_right(bits, 16) & vi_splat(1);
    vint rounded = (bits + vi_splat(0x7fff) + odd) & vi_splat((int32_t)0xffff0000u);
    return v_select(v_equal(x, x), v_of_bits(rounded), v_of_bits(bits | vi_splat(0x00400000)));
}

/* x 2^n for -252 <= n <= 254, in two steps so that subnormal results are rounded once. */
QUERN_INLINE vfloat v_scale(vfloat x, vint n) {
    vint half = vi_shift_right(n, 1);
    vint bias = vi_splat(127);
    vfloat first = v_of_bits(vi_shift_left(half + bias, 23));
    vfloat second = v_of_bits(vi_shift_left(n - half + bias, 23));
    return x * first * second;
}

/* Vectors whose exponentials are made together, where there are as many. */
#define QUERN_TOGETHER 4

#define QUERN_EACH(i, count) _Pragma("GCC unroll 4") for (int i = 0; i < (count); i++)

/*
 * e^x of `count` <= QUERN_TOGETHER vectors, step by step: one is a chain of some 60 cycles, of which the CPU
 * sees only two or three ahead where they stand one after the other.
 * |x| <= 104 is split as n ln 2 + r, |r| <= ln(2) / 2; e^r is Taylor's polynomial of degree 7
 * whose last term is spread over the lower odd ones (economized). 0 below, infinity above, NaN kept.
 */
QUERN_INLINE void v_exp_each(vfloat *x, const int count) {
    /* 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits. */
    const vfloat magic = v_splat(12582912.0f);
    vfloat shifted[QUERN_TOGETHER], r[QUERN_TOGETHER], p[QUERN_TOGETHER];
    QUERN_EACH(i, count) x[i] = v_min(v_splat(89.0f), v_max(v_splat(-104.0f), x[i]));
    QUERN_EACH(i, count) shifted[i] = v_fma(x[i], v_splat(1.44269504f), magic);
    QUERN_EACH(i, count) r[i] = v_fnma(shifted[i] - magic, v_splat(0.693145752f), x[i]);
    QUERN_EACH(i, count) r[i] = v_fnma(shifted[i] - magic, v_splat(1.42860677e-6f), r[i]);
    QUERN_EACH(i, count) p[i] = v_fma(v_splat(1.38888889e-3f), r[i], v_splat(8.3750393e-3f));
    QUERN_EACH(i, count) p[i] = v_fma(p[i], r[i], v_splat(4.16666667e-2f));
    QUERN_EACH(i, count) p[i] = v_fma(p[i], r[i], v_splat(1.66664162e-1f));
    QUERN_EACH(i, count) p[i] = v_fma(p[i], r[i], v_splat(0.5f));
    QUERN_EACH(i, count) p[i] = v_fma(p[i] * r[i], r[i], r[i]);
    QUERN_EACH(i, count) x[i] = v_scale(p[i] + v_splat(1.0f), v_bits(shifted[i]) - v_bits(magic));
}

/* e^x of one vector. */
QUERN_INLINE vfloat v_exp(vfloat x) {
    v_exp_each(&x, 1);
    return x;
}

/*
 * Natural logarithm. x = 2^k m with m in [sqrt(1/2), sqrt(2)); log(1 + f) by the series of
 * 2 atanh(f / (2 + f)) with f taken out exactly, as fdlibm does. log(0) = -infinity, NaN below.
 */
QUERN_INLINE vfloat v_log(vfloat x) {
    const vint one = vi_splat(0x3f800000);
    const vint root_half = vi_splat(0x3f3504f3);
    vint subnormal = v_less(x, v_splat(1.17549435e-38f));
    vfloat scaled = v_select(subnormal, x * v_splat(8388608.0f), x);
    vint bits = v_bits(scaled) - root_half;
    vint exponent = vi_shift_right(bits, 23);
    vfloat m = v_of_bits((bits & vi_splat(0x007fffff)) + root_half);
    vfloat k = v_floats(exponent - (subnormal & vi_splat(23)));
    vfloat f = m - v_of_bits(one);
    vfloat s = f / (v_splat(2.0f) + f);
    vfloat z = s * s;
    vfloat r = v_fma(z, v_splat(0.22222222f), v_splat(0.28571429f));
    r = v_fma(r, z, v_splat(0.4f));
    r = v_fma(r, z, v_splat(0.66666667f)) * z;
    vfloat h = v_splat(0.5f) * f * f;
    vfloat low = v_fma(s, h + r, k * v_splat(1.42860677e-6f));
    vfloat y = v_fma(k, v_splat(0.693145752f), f - (h - low));
    y = v_select(v_less(x, v_splat(__builtin_inff())), y, x);
    y = v_select(v_equal(x, v_zero()), v_splat(-__builtin_inff()), y);
    return v_select(v_less(x, v_zero()), v_splat(__builtin_nanf("")), y);
}

/*
 * tanh: (e^2x - 1) / (e^2x + 1), and below 0.625, where that cancels, the fifth convergent of
 * Lambert's continued fraction; both share one division.
 */
QUERN_INLINE vfloat v_tanh(vfloat x) {
    const vfloat one = v_splat(1.0f);
    vfloat a = v_min(v_splat(10.0f), v_abs(x));
    vfloat e = v_exp(a + a);
    vfloat z = a * a;
    vfloat numerator = a * v_fma(v_splat(105.0f) + z, z, v_splat(945.0f));
    vfloat denominator = v_fma(v_fma(v_splat(15.0f), z, v_splat(420.0f)), z, v_splat(945.0f));
    vint small = v_less(a, v_splat(0.625f));
    vfloat y = v_select(small, numerator, e - one) / v_select(small, denominator, e + one);
    return v_copysign(y, x);
}

/*
 * Error function: x P(x^2) below 0.92, 1 - e^Q(|x|) above; P and Q interpolate erf(x) / x and
 * log(erfc(x)) at the Chebyshev points of [0, 0.927] and [0.92, 3.95].
 */
QUERN_INLINE void v_erf_each(vfloat *y, const vfloat *x, const int count) {
    vfloat p[QUERN_TOGETHER], q[QUERN_TOGETHER];
    QUERN_EACH(i, count) {
        const vfloat a = v_min(v_splat(3.95f), v_abs(x[i])), z = a * a;
        p[i] = v_fma(v_splat(-5.9792580600e-04f), z, v_splat(4.9912312337e-03f));
        p[i] = v_fma(p[i], z, v_splat(-2.6765560652e-02f));
        p[i] = v_fma(p[i], z, v_splat(1.1281796526e-01f));
        p[i] = v_fma(p[i], z, v_splat(-3.7612492987e-01f));
        p[i] = v_fma(p[i], z, v_splat(1.1283791497e+00f)) * a;
        q[i] = v_fma(v_splat(1.6605963384e-06f), a, v_splat(-4.6493362707e-05f));
        q[i] = v_fma(q[i], a, v_splat(6.0022501786e-04f));
        q[i] = v_fma(q[i], a, v_splat(-4.7743774589e-03f));
        q[i] = v_fma(q[i], a, v_splat(2.6459415175e-02f));
        q[i] = v_fma(q[i], a, v_splat(-1.1014055938e-01f));
        q[i] = v_fma(q[i], a, v_splat(-6.3176951448e-01f));
        q[i] = v_fma(q[i], a, v_splat(-1.1302617834e+00f));
        q[i] = v_fma(q[i], a, v_splat(3.2590536200e-04f));
    }
    v_exp_each(q, count);
    QUERN_EACH(i, count) {
        const vint small = v_less(v_min(v_splat(3.95f), v_abs(x[i])), v_splat(0.92f));
        y[i] = v_copysign(v_select(small, p[i], v_splat(1.0f) - q[i]), x[i]);
    }
}

QUERN_INLINE vfloat v_erf(vfloat x) {
    v_erf_each(&x, &x, 1);
    return x;
}

#endif
