/*
 * For loops over elements: a step written once serves whole vectors, with `count` the constant
 * QUERN_LANES, and the end, where it is less.
 */
#ifndef QUERN_ELEMENTS_H
#define QUERN_ELEMENTS_H

#include "simd/simd.h"

QUERN_INLINE vfloat load_up_to(const float *p, int64_t count) {
    return count == QUERN_LANES ? v_load(p) : v_load_first(p, count);
}

QUERN_INLINE void store_up_to(float *p, vfloat x, int64_t count) {
    if (count == QUERN_LANES) {
        v_store(p, x);
    } else {
        v_store_first(p, x, count);
    }
}

/* The upper halves: x is to be rounded to BF16. */
QUERN_INLINE void store_bf16_up_to(uint16_t *p, vfloat x, int64_t count) {
    if (count == QUERN_LANES) {
        v_store_bf16(p, x);
    } else {
        v_store_bf16_first(p, x, count);
    }
}

/* Shares are whole multiples of this many elements, which every tier's lanes divide: an element's
 * place in its vector does not depend on the number of workers. */
#define SHARE_MULTIPLE 16

#endif
