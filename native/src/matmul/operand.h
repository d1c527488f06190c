/* Operands of products, and how they are read. */
#ifndef QUERN_OPERAND_H
#define QUERN_OPERAND_H

#include "kernel.h"
#include "simd/simd.h"

/* What `stored` may be: floats as they are, BF16, and floats that count as rounded to BF16. */
enum { QUERN_FLOATS = 0, QUERN_BF16 = 1, QUERN_ROUNDED_FLOATS = 2 };

/* Where element `at` stands. */
QUERN_INLINE const void *operand_at(const void *x, int64_t at, int stored) {
    return stored == QUERN_BF16 ? (const void *)((const uint16_t *)x + at) : (const void *)((const float *)x + at);
}

/* A vector of elements from `at` on. */
QUERN_INLINE vfloat operand_load(const void *x, int64_t at, const int stored) {
    if (stored == QUERN_BF16) return v_load_bf16((const uint16_t *)x + at);
    const vfloat y = v_load((const float *)x + at);
    return stored ? v_round_bf16(y) : y;
}

/* The first n of them; the others are zero, and not read. */
QUERN_INLINE vfloat operand_load_first(const void *x, int64_t at, int64_t n, const int stored) {
    if (stored == QUERN_BF16) return v_load_bf16_first((const uint16_t *)x + at, n);
    const vfloat y = v_load_first((const float *)x + at, n);
    return stored ? v_round_bf16(y) : y;
}

/* A single one. */
QUERN_INLINE float operand_element(const void *x, int64_t at, const int stored) {
    float y;
    v_store_first(&y, operand_load_first(x, at, 1, stored), 1);
    return y;
}

#endif
