/* Operands of products that are made of floats, or of BF16 if `stored`. */
#ifndef QUERN_OPERAND_H
#define QUERN_OPERAND_H

#include "kernel.h"
#include "simd/simd.h"

/* Where element `at` stands. */
QUERN_INLINE const void *operand_at(const void *x, int64_t at, int stored) {
    return stored ? (const void *)((const uint16_t *)x + at) : (const void *)((const float *)x + at);
}

/* A vector of elements from `at` on. */
QUERN_INLINE vfloat operand_load(const void *x, int64_t at, const int stored) {
    return stored ? v_load_bf16((const uint16_t *)x + at) : v_load((const float *)x + at);
}

/* The first n of them; the others are zero, and not read. */
QUERN_INLINE vfloat operand_load_first(const void *x, int64_t at, int64_t n, const int stored) {
    return stored ? v_load_bf16_first((const uint16_t *)x + at, n)
                  : v_load_first((const float *)x + at, n);
}

#endif
